import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type LiveSocketsOptions, liveSockets } from '@commitcast/live'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { applyWSSHandler, type CreateWSSContextFnOptions } from '@trpc/server/adapters/ws'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { eventually } from '../fixtures/eventually.ts'

interface Context {
  readonly user?: string | undefined
}

const t = initTRPC.context<Context>().create()
const router = t.router({
  hello: t.procedure.query(({ ctx }) => `hello ${ctx.user ?? 'stranger'}`),
  big: t.procedure.query(() => 'x'.repeat(4_000_000)),
})

type ServerOptions = Pick<LiveSocketsOptions<typeof router>, 'limits' | 'origins'> & {
  readonly createContext?: (options: CreateWSSContextFnOptions) => Context | Promise<Context>
  readonly maxPayload?: number
}

/** A guarded server of the router, on a port of its own. */
async function startServer({ createContext = userOfParams, maxPayload, ...options }: ServerOptions = {}) {
  const http = createServer()
  const wss = new WebSocketServer({ server: http, path: '/trpc', ...(maxPayload && { maxPayload }) })
  const live = liveSockets({ wss, router, createContext, userOf: ({ ctx }) => ctx.user, ...options })
  applyWSSHandler(live)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/trpc`
  return {
    url,
    live,
    wss,
    async [Symbol.asyncDispose]() {
      for (const socket of wss.clients) socket.terminate()
      wss.close()
      http.close()
      http.closeAllConnections()
    },
  }
}

const userOfParams = ({ info }: CreateWSSContextFnOptions): Context => ({ user: info.connectionParams?.user })

/** A stock client; notes the codes and reasons that its sockets were closed with. */
function connect(url: string, { user, origin }: { user?: string; origin?: string } = {}) {
  const closings: string[] = []
  class FromPage extends WebSocket {
    constructor(address: string) {
      super(address, origin === undefined ? {} : { origin })
    }
  }
  const ws = createWSClient({
    url,
    WebSocket: FromPage as unknown as typeof globalThis.WebSocket,
    connectionParams: user === undefined ? null : { user },
    onClose: (cause) => closings.push(`${cause?.code} ${(cause as { reason?: string } | undefined)?.reason}`),
  })
  const client = createTRPCClient<typeof router>({ links: [wsLink({ client: ws })] })
  return { client, closings, ws, [Symbol.asyncDispose]: () => ws.close() }
}

/** The status that an upgrade is answered with; 101 where a socket opens. */
async function upgrade(url: string, headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, { headers })
  const status = await new Promise<number>((resolve, reject) => {
    socket.on('open', () => resolve(101))
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
    socket.on('error', reject)
  })
  socket.on('error', () => {}).terminate()
  return status
}

/** The code and reason that a server closes this socket with. */
async function closeOf(socket: WebSocket): Promise<string> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return `${code} ${reason}`
}

test('a page of another host may not open a socket; one of the same host at any port, and a program, may', async () => {
  await using server = await startServer()
  expect(await upgrade(server.url, { origin: 'https://evil.example' })).toBe(403)
  expect(await upgrade(server.url, { origin: 'null' })).toBe(403)
  expect(await upgrade(server.url, { origin: 'http://127.0.0.1:5173' })).toBe(101)
  expect(await upgrade(server.url, { origin: 'https://shop.example', 'x-forwarded-host': 'shop.example, proxy' })).toBe(
    101,
  )
  expect(await upgrade(server.url, { origin: 'http://undefined' })).toBe(403)
  expect(await upgrade(server.url)).toBe(101)
  expect(server.live.health()).toMatchObject({ refused: { origin: 3 } })
})

test('with a list of origins only those may', async () => {
  await using server = await startServer({ origins: ['https://shop.example'] })
  expect(await upgrade(server.url, { origin: 'https://shop.example' })).toBe(101)
  expect(await upgrade(server.url, { origin: 'http://127.0.0.1' })).toBe(403)
  await using any = await startServer({ origins: 'any' })
  expect(await upgrade(any.url, { origin: 'https://evil.example' })).toBe(101)
})

test('a token in a URL is refused', async () => {
  await using server = await startServer()
  expect(await upgrade(`${server.url}?token=secret`)).toBe(400)
  expect(await upgrade(`${server.url}?connectionParams=1`)).toBe(101)
  expect(server.live.health()).toMatchObject({ refused: { tokenInUrl: 1 } })
})

test("the server's own check is asked, too", async () => {
  const wss = new WebSocketServer({
    port: 0,
    verifyClient: ({ req }: { req: IncomingMessage }) => req.headers.cookie === 'yes',
  })
  liveSockets({ wss, router })
  await once(wss, 'listening')
  const url = `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`
  expect(await upgrade(url)).toBe(401)
  expect(await upgrade(url, { cookie: 'yes' })).toBe(101)
  wss.close()
})

test('a message that is too large closes its socket, and is counted', async () => {
  await using server = await startServer({ limits: { maxFrameBytes: 1_000 } })
  const socket = new WebSocket(server.url)
  await once(socket, 'open')
  socket.send('x'.repeat(1_001))
  expect(await closeOf(socket)).toMatch(/^1009/)
  expect(server.live.health()).toMatchObject({ closed: { tooLargeFrame: 1 } })
})

test('the largest message is 256 KiB, or what the server was made with', async () => {
  await using plain = await startServer()
  await using own = await startServer({ maxPayload: 1_000_000 })
  await using both = await startServer({ maxPayload: 1_000_000, limits: { maxFrameBytes: 7 } })
  expect([plain, own, both].map(({ wss }) => wss.options.maxPayload)).toEqual([262_144, 1_000_000, 7])
})

test('a socket that sends no connection parameters in time is closed', async () => {
  await using server = await startServer({ limits: { authenticateMs: 50 } })
  const socket = new WebSocket(`${server.url}?connectionParams=1`)
  expect(await closeOf(socket)).toBe('1008 not authenticated in time')
  await eventually(() => expect(server.live.health()).toMatchObject({ sockets: 0, closed: { unauthenticated: 1 } }))
})

test('a context that takes too long is a socket that was not authenticated', async () => {
  await using server = await startServer({
    limits: { authenticateMs: 50 },
    createContext: () => new Promise<Context>(() => {}),
  })
  expect(await closeOf(new WebSocket(server.url))).toBe('1008 not authenticated in time')
})

test('who has authenticated is not timed out', async () => {
  await using server = await startServer({ limits: { authenticateMs: 100 } })
  await using page = connect(server.url, { user: 'ann' })
  expect(await page.client.hello.query()).toBe('hello ann')
  const late = closeOf(new WebSocket(`${server.url}?connectionParams=1`))
  expect(await late).toMatch(/^1008/)
  expect(page.closings).toEqual([])
  expect(await page.client.hello.query()).toBe('hello ann')
})

test('one socket too many of a user is told so, closed with a reason, and backs off; others are let in', async () => {
  await using server = await startServer({ limits: { maxSocketsPerUser: 2 } })
  await using first = connect(server.url, { user: 'ann' })
  await using second = connect(server.url, { user: 'ann' })
  await first.client.hello.query()
  await second.client.hello.query()
  await using third = connect(server.url, { user: 'ann' })
  await expect(third.client.hello.query()).rejects.toThrow()
  await eventually(() => expect(third.closings[0]).toBe('1008 too many sockets'))
  await using other = connect(server.url, { user: 'bob' })
  expect(await other.client.hello.query()).toBe('hello bob')
  expect(server.live.health()).toMatchObject({ closed: { tooManySockets: third.closings.length } })
  expect(third.closings.length).toBeLessThan(5)
  await second.ws.close()
  await eventually(async () => expect(await third.client.hello.query()).toBe('hello ann'))
})

test('when all sockets together owe too much the largest debtor is cut off, and nobody else', async () => {
  await using server = await startServer({ limits: { maxBufferedBytes: 12_000_000 } })
  await using healthy = connect(server.url, { user: 'ann' })
  await healthy.client.hello.query()
  const paused = await Promise.all(
    [1, 4].map(async (calls) => {
      const socket = new WebSocket(server.url)
      await once(socket, 'open')
      socket.pause()
      for (let id = 1; id <= calls; id++) {
        socket.send(JSON.stringify({ id, method: 'query', params: { path: 'big' } }))
      }
      return socket
    }),
  )
  await eventually(() => expect(server.live.health()).toMatchObject({ sockets: 2, closed: { tooSlow: 1 } }))
  expect(await healthy.client.hello.query()).toBe('hello ann')
  paused[1]!.resume()
  expect(await closeOf(paused[1]!)).toMatch(/^1006/)
  expect(paused[0]!.readyState).toBe(WebSocket.OPEN)
  for (const socket of paused) socket.terminate()
})

test('an upgrade with any path and headers is answered, and the server lives on', async () => {
  await using server = await startServer()
  const origins = ['//', 'http://[', '', 'http://%', 'javascript:1']
  for (const origin of origins) expect([101, 403]).toContain(await upgrade(server.url, { origin }))
  for (const query of ['?%', '?connectionParams=%7B', '?=&&=', '?token']) await upgrade(`${server.url}${query}`)
  expect(await upgrade(server.url)).toBe(101)
})
