import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LiveEvent } from '@commitcast/events'
import { createSubscriptions, cursors, eventsEndpoint, liveSockets, startHub } from '@commitcast/live'
import { silentLogger } from '@commitcast/worker'
import { initTRPC } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import superjson from 'superjson'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { type Note, openTopic } from './live-node.ts'

/** For each shape that the input of a subscription may have: its schema, and one such input. */
export const shapes = {
  text: [z.string(), 'all'],
  number: [z.number(), 7],
  bigint: [z.bigint(), 7n],
  boolean: [z.boolean(), false],
  array: [z.array(z.string()), ['all', 'more']],
  emptyArray: [z.array(z.string()), []],
  tuple: [z.tuple([z.string(), z.number()]), ['all', 7]],
  date: [z.date(), new Date(7)],
  map: [z.map(z.string(), z.number()), new Map([['all', 7]])],
  set: [z.set(z.string()), new Set(['all'])],
  object: [z.object({ channel: z.string() }), { channel: 'all' }],
  strict: [z.strictObject({ channel: z.string() }), { channel: 'all' }],
  strictAndEmpty: [z.strictObject({}), {}],
  record: [z.record(z.string(), z.number()), { all: 7 }],
  optional: [z.strictObject({ channel: z.string() }).optional(), undefined],
  nullish: [z.strictObject({ channel: z.string() }).nullish(), null],
  void: [z.void(), undefined],
  ownField: [z.strictObject({ lastEventId: z.string() }), { lastEventId: '42' }],
} as const satisfies Record<string, readonly [z.ZodType, unknown]>

export type Shape = keyof typeof shapes
export const allShapes = Object.keys(shapes) as Shape[]

const t = initTRPC.create({ transformer: superjson })

/** `frames` has `liveSockets`, `plain` not. */
export type ShapeWay = 'frames' | 'plain' | 'sse'

/** A node with a subscription for each shape, with `cursors` and without, and what inputs their resolvers got. */
export async function startShapesNode(way: ShapeWay) {
  const topic = await openTopic()
  const stopping = new AbortController()
  const hub = await startHub({ topic: await topic.open(), signal: stopping.signal })
  const states = { read: () => Promise.reject(new Error('no state here')) }
  const live = createSubscriptions<LiveEvent & { data: Note }, unknown>({
    sharedHub: async () => hub,
    states,
    logger: silentLogger,
  })
  const inputs = new Map<string, unknown[]>()
  const followAs = (name: string) =>
    live.subscription<unknown, unknown>({
      channels({ input }) {
        inputs.set(name, [...(inputs.get(name) ?? []), input])
        return ['all']
      },
      authorize: 'everyone',
    })
  const proceduresOf = (procedure: typeof t.procedure, suffix: string) =>
    Object.fromEntries(
      allShapes.map((shape) => {
        const schema: z.ZodType = shapes[shape][0]
        return [`${shape}${suffix}`, procedure.input(schema).subscription(followAs(`${shape}${suffix}`))]
      }),
    )
  const router = t.router({
    ...proceduresOf(t.procedure, ''),
    ...proceduresOf(t.procedure.concat(cursors) as typeof t.procedure, 'WithCursors'),
    nothing: t.procedure.subscription(followAs('nothing')),
    nothingWithCursors: t.procedure.concat(cursors).subscription(followAs('nothingWithCursors')),
  })
  const answer = createHTTPHandler({ router, basePath: '/trpc/' })
  const endpoints = new Map(
    allShapes.map((shape) => [
      `/events/${shape}`,
      eventsEndpoint(followAs(`${shape} by EventSource`), { input: () => shapes[shape][1], ctx: () => ({}) }),
    ]),
  )
  const responses = new Set<ServerResponse>()
  const http = createServer((request, response) => {
    responses.add(response)
    response.on('close', () => responses.delete(response))
    const endpoint = endpoints.get(request.url ?? '')
    if (endpoint) endpoint(request, response)
    else answer(request, response)
  })
  const wss = new WebSocketServer({ server: http, path: '/trpc' })
  applyWSSHandler(way === 'frames' ? liveSockets({ wss, router }) : { wss, router })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const cut = () => {
    for (const socket of wss.clients) socket.terminate()
    for (const response of responses) response.destroy()
  }
  return {
    topic,
    inputs,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    cut,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      wss.close()
      http.close()
      cut()
      http.closeAllConnections()
      await hub.done
    },
  }
}
