import { createServer, type IncomingMessage } from 'node:http'
import { initTRPC } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import {
  createCommitcast,
  defineChannels,
  defineEvents,
  eventsEndpoint,
  type LiveSockets,
  liveStreams,
} from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { connectionString, db } from './shop-database.ts'

interface Context {
  readonly customerId: string
}

const events = defineEvents({ 'order.placed': { data: z.object({ customerId: z.string() }) } })
const broker = postgresBroker({ connectionString })
const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })
const channels = defineChannels({ customer: ['id'] })
const live = cast.live({ channels: (event) => [channels.customer(event.data.customerId)] })
const follow = live.subscription<Context, undefined>({
  channels: ({ ctx }) => [channels.customer(ctx.customerId)],
  authorize: 'everyone',
})
// #region pings
const t = initTRPC.context<Context>().create({
  sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 30_000 } },
})
// #endregion pings
const router = t.router({
  orders: t.procedure.subscription(
    live.subscription({ channels: ({ ctx }) => [channels.customer(ctx.customerId)], authorize: 'everyone' }),
  ),
})

// #region streams
export function startSseNode(
  sockets: LiveSockets<typeof router>,
  contextOf: (request: IncomingMessage) => Promise<Context>,
) {
  const streams = liveStreams<Context>({ userOf: ({ ctx }) => ctx.customerId, maxStreamsPerUser: 20 })
  // Subscriptions of tRPC's httpSubscriptionLink, and the plain endpoint: both count.
  const createContext = streams.guardContext(({ req }: { req: IncomingMessage }) => contextOf(req))
  const answer = createHTTPHandler({ router, basePath: '/trpc/', createContext })
  const orders = eventsEndpoint(follow, { input: () => undefined, ctx: contextOf, streams })

  const http = createServer((request, response) => {
    if (request.url?.startsWith('/events/orders')) orders(request, response)
    else answer(request, response)
  }).listen(3001)

  process.once('SIGTERM', async () => {
    const times = { afterMs: 5_000, overMs: 10_000, deadlineMs: 10_000 }
    await Promise.all([sockets.drain(times), streams.drain(times)])
    http.close()
    http.closeAllConnections()
  })
}
// #endregion streams
