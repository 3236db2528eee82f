import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { AccessLost, type Allowed, type LiveSocketsOptions, liveSockets } from '@commitcast/live'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { createCommitcast, defineEvents, type Live } from 'commitcast'
import superjson from 'superjson'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({
  'note.written': { data: z.object({ n: z.number(), at: z.date() }) },
  'access.changed': { data: z.object({}) },
})

interface Context {
  readonly user: string
}

/** Each user's name is a token, good for so long after it was first shown. */
function tokensThatLast(ms: number) {
  const ends = new Map<string, Date>()
  return ({ user }: Context): Date => {
    const end = ends.get(user) ?? new Date(Date.now() + ms)
    ends.set(user, end)
    return end
  }
}

/** A notebook that two API nodes serve, and its workers. `may` says who reads it. */
async function openNotebook(may: (ctx: Context) => Allowed | Promise<Allowed> = () => true) {
  const database = await freshDatabase({ partitions: 2 })
  const storage: MemoryStorage = new Map()
  const stopping = new AbortController()
  const openNode = () => {
    const cast = createCommitcast({
      app: 'notes',
      events,
      db: database.db,
      broker: memoryBroker(storage),
      listenTo: database.url,
    })
    const live = cast.live({
      channels: (event) => (event.type === 'access.changed' ? [`access:${event.key}`] : ['notes']),
    })
    return { cast, live, router: createRouter(live, may) }
  }
  const nodes = [openNode(), openNode()] as const
  const { cast, live } = nodes[0]
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  const append = (event: Parameters<typeof cast.append>[1] & object) =>
    database.db.transaction().execute((trx) => cast.append(trx, event))
  let written = 0
  return {
    nodes,
    append,
    get written() {
      return written
    },
    async write(count: number) {
      for (let left = count; left > 0; left--) {
        await append({ type: 'note.written', key: 'book', data: { n: ++written, at: new Date(written) } })
      }
    },
    changeAccess: (user: string) => append({ type: 'access.changed', key: user, data: {} }),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await Promise.all(nodes.map((node) => node.cast.close()))
      await database[Symbol.asyncDispose]()
    },
  }
}

type Notebook = Awaited<ReturnType<typeof openNotebook>>
type Router = Notebook['nodes'][0]['router']

function createRouter<TDatabase>(
  live: Live<typeof events, unknown, TDatabase>,
  may: (ctx: Context) => Allowed | Promise<Allowed>,
) {
  const t = initTRPC.context<Context>().create({ transformer: superjson })
  return t.router({
    notes: t.procedure.subscription(
      live.subscription({
        channels: () => ['notes'],
        authorize: ({ ctx }) => may(ctx),
        revokedBy: ({ ctx }) => [`access:${ctx.user}`],
      }),
    ),
    openNotes: t.procedure.subscription(live.subscription({ channels: () => ['notes'], authorize: 'everyone' })),
  })
}

/** An API node over HTTP and WebSocket. */
async function serve(router: Router, options: Pick<LiveSocketsOptions<Router>, 'limits'> = {}) {
  const toContext = (user = 'nobody'): Context => ({ user })
  const http = createServer(createHTTPHandler({ router, createContext: ({ req }) => toContext(req.headers.cookie) }))
  const wss = new WebSocketServer({ server: http })
  const live = liveSockets({
    wss,
    router,
    createContext: ({ info }) => toContext(info.connectionParams?.user),
    ...options,
  })
  applyWSSHandler(live)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    port: (http.address() as AddressInfo).port,
    live,
    async [Symbol.asyncDispose]() {
      for (const socket of wss.clients) socket.terminate()
      wss.close()
      http.close()
      http.closeAllConnections()
    },
  }
}

/** What clients connect to: passes each connection on to the node that is the target at that moment. */
async function startBalancer(target: number) {
  const open = new Set<Socket>()
  const balancer = { target, port: 0 }
  const server = createTcpServer((client) => {
    const upstream = connectTcp(balancer.target, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => {}).on('close', () => open.delete(socket) && other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  balancer.port = (server.address() as AddressInfo).port
  return Object.assign(balancer, {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  })
}

type ConnectionParams = Record<string, string>

/** A stock client with stock settings; notes what its sockets were closed with. */
function connect(port: number, connectionParams: ConnectionParams | (() => ConnectionParams)) {
  const closings: string[] = []
  const ws = createWSClient({
    url: `ws://127.0.0.1:${port}`,
    connectionParams,
    onClose: (cause) => closings.push(`${cause?.code} ${(cause as { reason?: string } | undefined)?.reason}`),
  })
  const client = createTRPCClient<Router>({ links: [wsLink({ client: ws, transformer: superjson })] })
  return { client, closings, [Symbol.asyncDispose]: () => ws.close() }
}

type Procedure = 'notes' | 'openNotes'

/** Follows as tRPC's documentation says, without anything of ours, and notes all that is told. */
function follow(client: ReturnType<typeof connect>['client'], procedure: Procedure) {
  const told = { notes: [] as number[], ids: new Set<string>(), errors: [] as string[], isLive: false, ended: false }
  const subscription = client[procedure].subscribe(undefined, {
    onData({ id, data }) {
      told.ids.add(id)
      if (data.kind === 'live') told.isLive = true
      if (data.kind !== 'event') return
      if (data.event.type !== 'note.written') throw new Error(`was told of ${data.event.type}`)
      expect(data.event.data.at).toEqual(new Date(data.event.data.n))
      told.notes.push(data.event.data.n)
    },
    onError: (error) => told.errors.push(String(error.data?.code)),
    onComplete: () => {
      told.ended = true
    },
  })
  return Object.assign(told, { stop: () => subscription.unsubscribe() })
}

const live = (...followers: readonly { readonly isLive: boolean }[]) =>
  eventually(() => expect(followers.map(({ isLive }) => isLive)).toEqual(followers.map(() => true)))

const upTo = (end: number, from = 1) => Array.from({ length: end - from + 1 }, (_, index) => from + index)

test('a token that expires closes the socket with 4401; the client comes back with a fresh one and misses nothing', async () => {
  await using notebook = await openNotebook(tokensThatLast(150))
  await using node = await serve(notebook.nodes[0].router)
  let tokens = 0
  await using page = connect(node.port, () => ({ user: `token ${++tokens}` }))
  const told = follow(page.client, 'notes')
  await live(told)
  while (page.closings.length < 4) await notebook.write(1)
  await notebook.write(3)
  await eventually(() => expect(told.notes).toEqual(upTo(notebook.written)))
  expect(new Set(page.closings)).toEqual(new Set(['4401 expired']))
  expect(told).toMatchObject({ errors: [], ended: false })
  await eventually(() => expect(node.live.health()).toMatchObject({ closed: { expired: page.closings.length } }))
})

test('a policy that gives a short time is asked again, and the socket stays', async () => {
  let asked = 0
  await using notebook = await openNotebook(() => {
    asked++
    return { until: new Date(Date.now() + 500) }
  })
  await using node = await serve(notebook.nodes[0].router)
  await using page = connect(node.port, { user: 'ann' })
  const told = follow(page.client, 'notes')
  await live(told)
  await eventually(() => expect(asked).toBeGreaterThan(3))
  await notebook.write(2)
  await eventually(() => expect(told.notes).toEqual([1, 2]))
  expect(page.closings).toEqual([])
})

test('who comes back with the token that has expired is refused with UNAUTHORIZED', async () => {
  await using notebook = await openNotebook(tokensThatLast(150))
  await using node = await serve(notebook.nodes[0].router)
  await using page = connect(node.port, { user: 'the same token' })
  const told = follow(page.client, 'notes')
  await eventually(() => expect(told.errors).toEqual(['UNAUTHORIZED']))
  expect(page.closings).toEqual(['4401 expired'])
})

test('a right that is taken away ends what runs at once; other subscriptions and other users go on', async () => {
  const readers = new Set(['ann', 'bob'])
  await using notebook = await openNotebook(({ user }) => readers.has(user))
  await using node = await serve(notebook.nodes[0].router)
  await using page = connect(node.port, { user: 'ann' })
  await using other = connect(node.port, { user: 'bob' })
  const followers = [follow(page.client, 'notes'), follow(page.client, 'openNotes'), follow(other.client, 'notes')]
  const [ann, annToo, bob] = followers as [Told, Told, Told]
  await live(...followers)
  await notebook.write(3)
  await eventually(() => expect(followers.map(({ notes }) => notes)).toEqual([upTo(3), upTo(3), upTo(3)]))

  readers.delete('ann')
  await notebook.changeAccess('ann')
  await eventually(() => expect(ann.errors).toEqual(['FORBIDDEN']))
  expect(page.closings).toEqual(['4403 revoked'])
  await notebook.write(3)
  await eventually(() => expect([annToo.notes, bob.notes]).toEqual([upTo(6), upTo(6)]))
  expect(ann.notes).toEqual(upTo(3))
  expect(other.closings).toEqual([])
  expect(annToo.errors).toEqual([])
})

type Told = ReturnType<typeof follow>

test('a change that takes nothing away is not noticed by the client', async () => {
  let asked = 0
  await using notebook = await openNotebook(() => {
    asked++
    return true
  })
  await using node = await serve(notebook.nodes[0].router)
  await using page = connect(node.port, { user: 'ann' })
  const told = follow(page.client, 'notes')
  await live(told)
  await notebook.changeAccess('ann')
  await notebook.changeAccess('bob')
  await notebook.write(1)
  await eventually(() => expect(told.notes).toEqual([1]))
  await eventually(() => expect(asked).toBe(2))
  expect(page.closings).toEqual([])
})

test('over SSE a right that is taken away is an error that tRPC comes back after, and then FORBIDDEN', async () => {
  let isAllowed = true
  await using notebook = await openNotebook(() => isAllowed)
  await using node = await serve(notebook.nodes[0].router)
  const open = () =>
    fetch(`http://127.0.0.1:${node.port}/notes`, { headers: { cookie: 'ann', accept: 'text/event-stream' } })
  const response = await open()
  const reading = response.text()
  await notebook.write(1)
  isAllowed = false
  await eventually(async () => {
    await notebook.changeAccess('ann')
    expect(await Promise.race([reading, undefined])).toBeDefined()
  })
  expect(await reading).toMatch(/event: serialized-error\ndata: .*SERVICE_UNAVAILABLE/)
  expect(await reading).not.toContain('event: return')
  expect(await (await open()).text()).toMatch(/event: serialized-error\ndata: .*FORBIDDEN/)
})

test('a caller in the same process gets AccessLost, which says how it was lost', async () => {
  let isAllowed = true
  await using notebook = await openNotebook(() => isAllowed)
  const stream = await notebook.nodes[0].router.createCaller({ user: 'ann' }).notes()
  const reading = (async () => {
    // The type that tRPC gives a caller is that of a client; here it is what the procedure yields.
    for await (const [, envelope] of stream as unknown as AsyncIterable<[string, { kind: string }]>) {
      if (envelope.kind !== 'live') continue
      isAllowed = false
      await notebook.changeAccess('ann')
    }
  })()
  await expect(reading).rejects.toBeInstanceOf(AccessLost)
  await expect(reading).rejects.toMatchObject({ loss: 'revoked', code: 'SERVICE_UNAVAILABLE' })
})

test('a subscription too many on one socket is refused, the others go on, and one that ends makes room', async () => {
  await using notebook = await openNotebook()
  await using node = await serve(notebook.nodes[0].router, { limits: { maxSubscriptionsPerSocket: 3 } })
  await using page = connect(node.port, { user: 'ann' })
  const followers = Array.from({ length: 3 }, () => follow(page.client, 'notes'))
  await live(...followers)
  const late = follow(page.client, 'notes')
  await eventually(() => expect(late.errors).toEqual(['TOO_MANY_REQUESTS']))
  expect(node.live.health()).toMatchObject({ subscriptions: 3, refused: { subscription: 1 } })
  followers[0]!.stop()
  await eventually(() => expect(node.live.health()).toMatchObject({ subscriptions: 2 }))
  await live(follow(page.client, 'notes'))
  await notebook.write(1)
  await eventually(() => expect(followers[2]!.notes).toEqual([1]))
  expect(page.closings).toEqual([])
})

test('a drained node hands its clients to another one: none is cut off, and nothing is lost, twice or out of order', async () => {
  await using notebook = await openNotebook()
  await using first = await serve(notebook.nodes[0].router)
  await using second = await serve(notebook.nodes[1].router)
  await using balancer = await startBalancer(first.port)
  const pages = Array.from({ length: 30 }, () => connect(balancer.port, { user: 'ann' }))
  const followers = pages.map(({ client }) => follow(client, 'notes'))
  await live(...followers)

  balancer.target = second.port
  let isDraining = true
  const writing = (async () => {
    while (isDraining) await notebook.write(1)
    await notebook.write(5)
  })()
  const drained = await first.live.drain({ overMs: 500, deadlineMs: 120_000 })
  isDraining = false
  await writing
  expect(drained).toEqual({ notified: 30, closed: 0 })
  await eventually(() => {
    for (const { notes } of followers) expect(notes.length).toBeGreaterThanOrEqual(notebook.written)
  })
  for (const { notes, errors, ended } of followers) {
    expect({ notes, errors, ended }).toEqual({ notes: upTo(notebook.written), errors: [], ended: false })
  }
  expect(first.live.health()).toMatchObject({ ready: false, sockets: 0 })
  expect(second.live.health()).toMatchObject({ ready: true, sockets: 30, subscriptions: 30 })
  expect(pages.flatMap(({ closings }) => closings.filter((closing) => /1012|1006|4\d{3}/.test(closing)))).toEqual([])
  await Promise.all(pages.map((page) => page[Symbol.asyncDispose]()))
})

test('a client that can not move is closed with 1012 at the deadline, and comes back where it was', async () => {
  await using notebook = await openNotebook()
  await using first = await serve(notebook.nodes[0].router)
  await using second = await serve(notebook.nodes[1].router)
  await using balancer = await startBalancer(first.port)
  await using page = connect(balancer.port, { user: 'ann' })
  const told = follow(page.client, 'notes')
  await live(told)
  await notebook.write(2)
  await eventually(() => expect(told.notes).toEqual([1, 2]))
  // It goes on being sent to the node that goes away, which lets nobody in.
  const draining = first.live.drain({ overMs: 1, deadlineMs: 300 })
  await notebook.write(3)
  expect(await draining).toEqual({ notified: 1, closed: 1 })
  expect(page.closings).toContain('1012 service restart')
  balancer.target = second.port
  await eventually(() => expect(told.notes).toEqual(upTo(5)))
  expect(told.errors).toEqual([])
})

test('a client that connects to a node that goes away is refused, and nothing is sent after the notification', async () => {
  await using notebook = await openNotebook()
  await using node = await serve(notebook.nodes[0].router)
  const socket = new WebSocket(`ws://127.0.0.1:${node.port}`)
  const frames: string[] = []
  socket.on('message', (frame) => frames.push(String(frame)))
  await once(socket, 'open')
  socket.send('{"id":1,"method":"subscription","params":{"path":"notes","input":{"json":{}}}}')
  await eventually(() => expect(frames.some((frame) => frame.includes('"live"'))).toBe(true))
  const draining = node.live.drain({ overMs: 1, deadlineMs: 500 })
  await eventually(() => expect(frames.at(-1)).toBe('{"id":null,"method":"reconnect"}'))
  const late = new WebSocket(`ws://127.0.0.1:${node.port}`)
  const [error] = (await once(late, 'error')) as [Error]
  expect(error.message).toContain('503')
  await notebook.write(3)
  socket.send('{"id":2,"method":"subscription","params":{"path":"openNotes","input":{"json":{}}}}')
  await draining
  const after = frames.slice(frames.indexOf('{"id":null,"method":"reconnect"}') + 1)
  expect(after.filter((frame) => /"kind":"(event|live)"/.test(frame))).toEqual([])
  expect(node.live.health()).toMatchObject({ ready: false, refused: { movingAway: 1 }, closed: { restarting: 1 } })
})
