import { initTRPC } from '@trpc/server'
import { createCommitcast, defineChannels, defineEvents } from 'commitcast'
import { z } from 'zod'
import { booksById, connectionString, ordersOf, type Tables } from './shop-database.ts'

// #region all
// #region events
// The only place where an event's type is written.
const order = z.object({ customerId: z.string(), bookId: z.number() })
const events = defineEvents({ 'order.placed': { data: order }, 'order.delivered': { data: order } })
// #endregion events

export const cast = createCommitcast<typeof events, Tables>({ app: 'shop', events, connectionString })
/** Kysely, on a pool that the cast opens. */
const { db } = cast

// #region append
// A command: the state and its event, in one transaction.
export function placeOrder(id: string, customerId: string, bookId: number) {
  return db.transaction().execute(async (trx) => {
    await trx.insertInto('orders').values({ id, customerId, bookId, status: 'placed' }).execute()
    await cast.append(trx, { type: 'order.placed', key: id, data: { customerId, bookId } })
  })
}
// #endregion append

// #region live
// What browsers see: the channels of an event, and metadata, looked up once for a whole batch.
const channels = defineChannels({ customer: ['id'] })
const live = cast
  .live({ channels: (event) => [channels.customer(event.data.customerId)] })
  .enrich('book', { id: (event) => event.data.bookId, load: booksById })
// #endregion live

// #region subscription
// The subscription: first the state, then exactly the events that it does not show yet.
const t = initTRPC.context<{ customerId: string }>().create()
export const router = t.router({
  orders: t.procedure.input(z.object({ customerId: z.string() })).subscription(
    live.subscription({
      channels: ({ input }) => [channels.customer(input.customerId)],
      authorize: ({ ctx, input }) => ctx.customerId === input.customerId,
      state: ({ input, trx }) => ordersOf(trx, input.customerId),
    }),
  ),
})
// #endregion subscription

// #region work
// The workers: in processes of their own, or on day one in the API process.
export async function work(signal: AbortSignal) {
  await cast.migrate()
  await cast.run({ use: [live], signal })
}
// #endregion work
// #endregion all
