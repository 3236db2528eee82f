import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Topic } from '@commitcast/broker'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { encodeLiveMessage, type LiveEvent } from '@commitcast/events'
import { createSubscriptions, type Hub, type LiveSockets, liveSockets, startHub } from '@commitcast/live'
import { type Logger, silentLogger } from '@commitcast/worker'
import { initTRPC, TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import superjson from 'superjson'
import { WebSocketServer } from 'ws'
import { z } from 'zod'

/** How events get to a client: frames or yielded over a WebSocket, with `liveSockets` or without, or over SSE. */
export type Way = 'frames' | 'yielded' | 'plain' | 'sse'

export const partitions = 3

/** What the tests' events hold. */
export interface Note {
  readonly n: number
  readonly at: Date
  readonly text?: string
}

/** One live topic in memory, that any number of nodes serve, and the state that its events' transactions made. */
export async function openTopic() {
  const storage: MemoryStorage = new Map()
  const open = () => memoryBroker(storage).topic({ name: 'test-live', epoch: 1, partitions })
  const topic = await open()
  const offsets = Array.from({ length: partitions }, () => 0)
  let made = 0
  return {
    open,
    /** The number of the newest event; also its transaction. */
    get made() {
      return made
    },
    /** Makes `count` events. `partitionOf` says where each goes; `channels` who hears of it. */
    async append(count: number, { channels = ['all'], text }: { channels?: string[]; text?: string } = {}) {
      for (let index = 0; index < count; index++) await this.publish(++made, { channels, ...(text && { text }) })
    },
    async publish(n: number, { channels = ['all'], text }: { channels?: string[]; text?: string } = {}) {
      const partition = n % partitions
      const offset = ++offsets[partition]!
      const { json, meta } = superjson.serialize({ n, at: new Date(n), ...(text && { text }) })
      const body = JSON.stringify(json)
      const message = {
        offset,
        id: `id-${n}`,
        type: 'noted',
        key: `${partition}`,
        time: new Date(0).toISOString(),
        tx: String(n),
        headers: { ...(meta && { notes: JSON.stringify(meta) }) },
        body,
      }
      const metadata = { by: new Map([['n', n]]) }
      await topic.append(partition, offset - 1, [encodeLiveMessage(message, { metadata, channels })])
    },
  }
}

export type TestTopic = Awaited<ReturnType<typeof openTopic>>

/** The router that every node serves. `readState` reads the state and the snapshot that it was read at. */
function createRouter(sharedHub: () => Promise<Hub>, readState: ReadState, logger: Logger) {
  const t = initTRPC.context<{ user?: string }>().create({ transformer: superjson })
  const states = {
    async read<TState>(load: (trx: never) => Promise<TState>) {
      const reading = await readState()
      return { ...reading, state: await load(reading.state as never) }
    },
  }
  const live = createSubscriptions<LiveEvent & { data: Note }, unknown>({ sharedHub, states, logger })
  const input = z.object({ channel: z.string().default('all') }).default({ channel: 'all' })
  const channels = ({ input }: { input: { channel: string } }) => [input.channel]
  /** As an application's own middleware would. */
  const procedure = t.procedure.use(({ ctx, next }) => next({ ctx: { ...ctx, seen: true } }))
  return t.router({
    follow: procedure.input(input).subscription(live.follow({ channels })),
    count: procedure
      .input(input)
      .subscription(live.query({ channels, state: async ({ trx }): Promise<unknown> => trx })),
    refused: procedure.input(input).subscription(live.follow({ channels, authorize: () => false })),
    missing: procedure.input(input).subscription(
      live.query({
        channels,
        state: async () => {
          throw new TRPCError({ code: 'NOT_FOUND', message: 'There is no such thing.' })
        },
      }),
    ),
    look: procedure.query(() => ({ id: '1.1.0-0-0', data: { kind: 'event', at: new Date(5) } })),
  })
}

export type TestRouter = ReturnType<typeof createRouter>
type ReadState = () => Promise<{ state: unknown; snapshot: string; epoch: number }>

/** An API node: a hub, and a server of the router over HTTP and WebSocket. */
export async function startNode(
  { open }: Pick<TestTopic, 'open'>,
  {
    way = 'frames',
    readState = async () => ({ state: 0, snapshot: '1:1:', epoch: 1 }),
    logger = silentLogger,
    maxRingBytes,
    prime = 1_000,
    wrap = (topic) => topic,
  }: {
    way?: Way
    readState?: ReadState
    logger?: Logger
    maxRingBytes?: number
    prime?: number
    /** For topics that count or delay. */
    wrap?: (topic: Topic) => Topic
  } = {},
) {
  const stopping = new AbortController()
  const topic = wrap(await open())
  const started = await startHub({
    topic,
    signal: stopping.signal,
    prime,
    ...(maxRingBytes !== undefined && { maxRingBytes }),
  })
  let attached = 0
  const hub: Hub = Object.create(started, {
    attach: {
      value(...args: Parameters<Hub['attach']>) {
        const detach = started.attach(...args)
        attached++
        return () => {
          detach()
          attached--
        }
      },
    },
  })
  const router = createRouter(async () => hub, readState, logger)
  const responses = new Set<ServerResponse>()
  const answer = createHTTPHandler({ router, basePath: '/trpc/', createContext: () => ({}) })
  const http = createServer((request, response) => {
    responses.add(response)
    response.on('close', () => responses.delete(response))
    answer(request, response)
  })
  const wss = new WebSocketServer({ server: http, path: '/trpc' })
  const options = { wss, router, createContext: () => ({ user: 'somebody' }) }
  const sockets = way === 'plain' ? undefined : liveSockets({ ...options, logger })
  const handler = applyWSSHandler(sockets ? optionsFor(way, sockets) : options)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    way,
    router,
    hub,
    wss,
    responses,
    handler,
    sockets,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/trpc`,
    /** How many followers are in the hub. */
    get attached() {
      return attached
    },
    /** Cuts every connection, as a network does. */
    cut() {
      for (const socket of wss.clients) socket.terminate()
      for (const response of responses) response.destroy()
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      wss.close()
      http.close()
      this.cut()
      http.closeAllConnections()
      await started.done
    },
  }
}

/** As if tRPC had taken the option away, where events shall be yielded. */
function optionsFor(way: Way, sockets: LiveSockets<TestRouter>): LiveSockets<TestRouter> {
  const { experimental_encoder: _, ...withoutEncoder } = sockets
  return way === 'yielded' ? (withoutEncoder as LiveSockets<TestRouter>) : sockets
}

export type LiveNode = Awaited<ReturnType<typeof startNode>>
