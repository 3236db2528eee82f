import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { follow, liveConnection } from '@commitcast/client'
import { createTRPCClient, createWSClient, httpSubscriptionLink, wsLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { createCommitcast, defineEvents, eventsEndpoint, liveSockets, liveStreams } from 'commitcast'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openNetwork } from '../fixtures/network.ts'

const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })
const t = initTRPC.create()

test.each(['frames', 'plain', 'sse'] as const)(
  'when one API process closes its cast, its clients (%s) reconnect to another one and miss nothing',
  async (way) => {
    await using app = await openApp()
    await using first = await app.startApi(way)
    await using second = await app.startApi(way)
    let present = first
    await using network = await openNetwork(() => present.port)
    const client = openClient(way, network.url)
    const got: number[] = []
    const statuses: string[] = []
    const end = follow(client.trpc.things, undefined, {
      onEvent: ({ data }) => void got.push(data.n),
      onStatus: (status) => void statuses.push(status),
    })
    await eventually(() => expect(statuses).toContain('live'))
    await app.append(1, 2, 3)
    await eventually(() => expect(got).toEqual([1, 2, 3]))
    present = second
    await first.cast.close()
    await eventually(() => expect(statuses.slice(statuses.indexOf('live'))).toContain('offline'))
    await app.append(4, 5, 6)
    // Without liveSockets only the process can close the sockets, as it does when it ends.
    if (way === 'plain') first.endSockets()
    await eventually(() => expect(got).toEqual([1, 2, 3, 4, 5, 6]))
    expect(statuses.at(-1)).toBe('live')
    expect(first.cast.health()).toMatchObject({ cast: { ready: false } })
    end()
    await client.close()
  },
)

test('when a cast closes, its plain event streams end, and their clients continue elsewhere', async () => {
  await using app = await openApp()
  await using first = await app.startApi('sse')
  await using second = await app.startApi('sse')
  const before = await readStream(`${first.origin}/events`, undefined)
  await eventually(() => expect(before.text()).toContain('event: live'))
  await app.append(1)
  await eventually(() => expect(before.text()).toContain('"n":1'))
  await first.cast.close()
  await before.ended
  await app.append(2)
  const after = await readStream(
    `${second.origin}/events`,
    before
      .text()
      .match(/^id: .*$/gm)!
      .at(-1)!
      .slice(4),
  )
  await eventually(() => expect(after.text()).toContain('"n":2'))
  expect(after.text()).not.toContain('"n":1')
})

test('what begins after a cast was closed ends at once, instead of waiting for ever', async () => {
  await using app = await openApp()
  await using api = await app.startApi('sse')
  await api.cast.close()
  const stream = await readStream(`${api.origin}/events`, undefined)
  await stream.ended
  const [things] = [api.router.createCaller({}).things]
  const iterator = (await things())[Symbol.asyncIterator]()
  await expect(iterator.next()).rejects.toMatchObject({ code: 'MOVING_AWAY' })
})

type Way = 'frames' | 'plain' | 'sse'

function openClient(way: Way, url: string) {
  if (way === 'sse') {
    const link = httpSubscriptionLink<Router, typeof EventSource>({ url })
    return { trpc: createTRPCClient<Router>({ links: [link] }), close: async () => {} }
  }
  const socket = createWSClient(liveConnection({ url: url.replace('http', 'ws'), retryDelayMs: () => 20 }))
  return { trpc: createTRPCClient<Router>({ links: [wsLink({ client: socket })] }), close: () => socket.close() }
}

/** Reads a stream to its end. */
async function readStream(url: string, lastEventId: string | undefined) {
  const response = await fetch(url, { headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId } })
  let text = ''
  const ended = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  ended.catch(() => {})
  return { text: () => text, ended }
}

function createApi(cast: Cast) {
  const live = cast.live({ channels: () => ['all'] })
  const things = live.subscription<object, undefined>({ channels: () => ['all'], authorize: () => true })
  return { live, things, router: t.router({ things: t.procedure.subscription(things) }) }
}

type Router = ReturnType<typeof createApi>['router']
type Cast = ReturnType<typeof openCast>
type Database = Awaited<ReturnType<typeof freshDatabase>>

function openCast({ db }: Database, storage: MemoryStorage) {
  return createCommitcast({ app: 'shop', events, db, broker: memoryBroker(storage) })
}

/** An app with its workers, whose API processes all share one memory broker. */
async function openApp() {
  const database = await freshDatabase({ partitions: 1 })
  const storage: MemoryStorage = new Map()
  const worker = openCast(database, storage)
  const stopping = new AbortController()
  const { live } = createApi(worker)
  const running = worker.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  return {
    worker,
    append: (...numbers: number[]) =>
      database.db.transaction().execute((trx) =>
        worker.append(
          trx,
          numbers.map((n) => ({ type: 'thing.done' as const, key: 'a', data: { n } })),
        ),
      ),
    async startApi(way: Way) {
      const cast = openCast(database, storage)
      const { router, things } = createApi(cast)
      const streams = liveStreams<object>()
      const answer = createHTTPHandler({ router, basePath: '/trpc/', createContext: streams.guardContext(() => ({})) })
      const stream = eventsEndpoint(things, { input: () => undefined, ctx: () => ({}), streams })
      const http = createServer((request, response) => (request.url === '/events' ? stream : answer)(request, response))
      const wss = new WebSocketServer({ server: http, path: '/trpc' })
      applyWSSHandler(way === 'plain' ? { wss, router } : liveSockets({ wss, router }))
      http.listen(0, '127.0.0.1')
      await once(http, 'listening')
      const { port } = http.address() as AddressInfo
      return {
        cast,
        router,
        port,
        origin: `http://127.0.0.1:${port}`,
        endSockets() {
          for (const socket of wss.clients) socket.terminate()
        },
        async [Symbol.asyncDispose]() {
          await cast.close()
          wss.close()
          this.endSockets()
          http.close()
          http.closeAllConnections()
        },
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await worker.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
