import { randomUUID } from 'node:crypto'
import { initTRPC } from '@trpc/server'
import superjson from 'superjson'
import { z } from 'zod'
import { cast, channels, live } from './cast.ts'
import { db } from './database.ts'

const t = initTRPC.create({ transformer: superjson })

export const router = t.router({
  orders: t.procedure.input(z.object({ customerId: z.string() })).query(({ input }) => ordersOf(db, input.customerId)),

  // First the state, then each event that it does not show yet.
  live: t.procedure.input(z.object({ customerId: z.string() })).subscription(
    live.subscription({
      channels: ({ input }) => [channels.customer(input.customerId)],
      authorize: 'everyone',
      state: ({ input, trx }) => ordersOf(trx, input.customerId),
    }),
  ),

  place: t.procedure.input(z.object({ customerId: z.string(), book: z.string() })).mutation(({ input }) =>
    db.transaction().execute(async (trx) => {
      const order = { id: randomUUID(), ...input, status: 'placed' as const, placedAt: new Date() }
      await trx.insertInto('orders').values(order).execute()
      await cast.append(trx, { type: 'order.placed', key: order.id, data: { ...input, placedAt: order.placedAt } })
    }),
  ),

  deliver: t.procedure.input(z.object({ customerId: z.string(), book: z.string() })).mutation(({ input }) =>
    db.transaction().execute(async (trx) => {
      const delivered = await trx
        .updateTable('orders')
        .set({ status: 'delivered' })
        .where('customerId', '=', input.customerId)
        .where('book', '=', input.book)
        .where('status', '=', 'placed')
        .returning('id')
        .execute()
      await cast.append(
        trx,
        delivered.map(({ id }) => ({ type: 'order.delivered' as const, key: id, data: input })),
      )
    }),
  ),
})

export type Router = typeof router

/** The same for the query and for the state that a subscription begins with. */
function ordersOf(database: typeof db, customerId: string) {
  return database.selectFrom('orders').selectAll().where('customerId', '=', customerId).orderBy('placedAt').execute()
}
