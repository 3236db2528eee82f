import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Topic } from '@commitcast/broker'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { defineHints, encodeLiveMessage, type Hint, type LiveEvent } from '@commitcast/events'
import {
  createLiveHints,
  createSubscriptions,
  eventsEndpoint,
  type Hub,
  type LiveHints,
  type LiveSockets,
  type LiveStreams,
  liveSockets,
  liveStreams,
  startHub,
} from '@commitcast/live'
import { type Logger, silentLogger } from '@commitcast/worker'
import { initTRPC, TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import superjson from 'superjson'
import { WebSocketServer } from 'ws'
import { z } from 'zod'

/** How events get to a client: frames or yielded over a WebSocket, with `liveSockets` or without, or over SSE. */
export type Way = 'frames' | 'compressed' | 'yielded' | 'plain' | 'sse'

export const partitions = 3

/** What the tests' events hold. */
export interface Note {
  readonly n: number
  readonly at: Date
  readonly text?: string
}

const noteHints = defineHints({ typing: z.object({ at: z.date(), text: z.string().optional() }) })

export interface Publishing {
  /** Its channels. Default `all`. */
  readonly channels?: string[]
  readonly text?: string
  /** Default `noted`. */
  readonly type?: string
  /** Instead of the event's data, as a text. */
  readonly body?: string
}

/** One live topic in memory, that any number of nodes serve, and the state that its events' transactions made. */
export async function openTopic() {
  const storage: MemoryStorage = new Map()
  const broker = memoryBroker(storage)
  const open = () => broker.topic({ name: 'test-live', epoch: 1, partitions })
  const topic = await open()
  const offsets = Array.from({ length: partitions }, () => 0)
  let made = 0
  return {
    open,
    hints: broker.hints!,
    /** Forgets all but the newest event of each partition, as a broker's retention does. */
    forget() {
      for (const log of storage.values()) {
        log.forgotten += log.messages.length - 1
        log.messages.splice(0, log.messages.length - 1)
      }
    },
    /** The number of the newest event; also its transaction. */
    get made() {
      return made
    },
    /** Makes `count` events. `partitionOf` says where each goes; `channels` who hears of it. */
    async append(count: number, { channels = ['all'], text }: { channels?: string[]; text?: string } = {}) {
      for (let index = 0; index < count; index++) await this.publish(++made, { channels, ...(text && { text }) })
    },
    async publish(n: number, { channels = ['all'], text, type = 'noted', body: given }: Publishing = {}) {
      const partition = n % partitions
      const offset = ++offsets[partition]!
      const { json, meta } = superjson.serialize({ n, at: new Date(n), ...(text && { text }) })
      const body = given ?? JSON.stringify(json)
      const message = {
        offset,
        id: `id-${n}`,
        type,
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
function createRouter(sharedHub: () => Promise<Hub>, readState: ReadState, { logger, hints }: Around) {
  const t = initTRPC.context<{ user?: string }>().create({ transformer: superjson })
  const states = {
    async read<TState>(load: (trx: never) => Promise<TState>) {
      const reading = await readState()
      return { ...reading, state: await load(reading.state as never) }
    },
  }
  const live = createSubscriptions<LiveEvent & { data: Note }, unknown, Hint>({ sharedHub, states, hints, logger })
  const input = z.object({ channel: z.string().default('all') }).default({ channel: 'all' })
  const channels = ({ input }: { input: { channel: string } }) => [input.channel]
  /** As an application's own middleware would. */
  const procedure = t.procedure.use(({ ctx, next }) => next({ ctx: { ...ctx, seen: true } }))
  return t.router({
    follow: procedure.input(input).subscription(live.subscription({ channels, authorize: 'everyone' })),
    count: procedure
      .input(input)
      .subscription(
        live.subscription({ channels, authorize: 'everyone', state: async ({ trx }): Promise<unknown> => trx }),
      ),
    refused: procedure.input(input).subscription(live.subscription({ channels, authorize: () => false })),
    missing: procedure.input(input).subscription(
      live.subscription({
        channels,
        authorize: 'everyone',
        state: async () => {
          throw new TRPCError({ code: 'NOT_FOUND', message: 'There is no such thing.' })
        },
      }),
    ),
    look: procedure.query(() => ({ id: '1.1.0-0-0', data: { kind: 'event', at: new Date(5) } })),
  })
}

/** All events as a plain stream. */
function createEventsEndpoint(sharedHub: () => Promise<Hub>, streams: LiveStreams<{ user?: string }>) {
  const states = { read: () => Promise.reject(new Error('no state here')) }
  const live = createSubscriptions<LiveEvent, unknown>({ sharedHub, states, logger: silentLogger })
  const follow = live.subscription<{ user?: string }, undefined>({ channels: () => ['all'], authorize: 'everyone' })
  return eventsEndpoint(follow, { input: () => undefined, ctx: () => ({}), streams })
}

interface Around {
  readonly logger: Logger
  readonly hints: LiveHints | undefined
}

export type TestRouter = ReturnType<typeof createRouter>
type ReadState = () => Promise<{ state: unknown; snapshot: string; epoch: number }>

/** An API node: a hub, and a server of the router over HTTP and WebSocket. */
export async function startNode(
  { open, hints: air }: Pick<TestTopic, 'open'> & Partial<Pick<TestTopic, 'hints'>>,
  {
    way = 'frames',
    readState = async () => ({ state: 0, snapshot: '1:1:', epoch: 1 }),
    logger = silentLogger,
    maxRingBytes,
    prime = 1_000,
    maxStreamsPerUser = 1_000,
    wrap = (topic) => topic,
  }: {
    way?: Way
    readState?: ReadState
    logger?: Logger
    maxRingBytes?: number
    prime?: number
    /** Over SSE everybody is one user. */
    maxStreamsPerUser?: number
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
  const { signal } = stopping
  const around = { catalog: noteHints, name: 'test-hints', perSecond: 10_000, signal, logger }
  const hints = air && createLiveHints({ ...around, hints: air })
  const router = createRouter(async () => hub, readState, { logger, hints })
  const responses = new Set<ServerResponse>()
  const streams = liveStreams<{ user?: string }>({ userOf: () => 'everybody', maxStreamsPerUser })
  const answer = createHTTPHandler({ router, basePath: '/trpc/', createContext: streams.guardContext(() => ({})) })
  const answerEvents = createEventsEndpoint(async () => hub, streams)
  const http = createServer((request, response) => {
    responses.add(response)
    response.on('close', () => responses.delete(response))
    if (request.url?.startsWith('/events')) answerEvents(request, response)
    else answer(request, response)
  })
  const wss = new WebSocketServer({
    server: http,
    path: '/trpc',
    perMessageDeflate: way === 'compressed' && { threshold: 0 },
  })
  const options = { wss, router, createContext: () => ({ user: 'somebody' }) }
  const sockets = way === 'plain' ? undefined : liveSockets({ ...options, logger })
  const handler = applyWSSHandler(sockets ? optionsFor(way, sockets) : options)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    way,
    router,
    hub,
    hints,
    streams,
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
