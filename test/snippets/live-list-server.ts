import { initTRPC } from '@trpc/server'
import { causationOf, commands, createCommitcast, defineChannels, defineEvents } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { z } from 'zod'
import { booksById, connectionString, db, ordersOf } from './shop-database.ts'

const order = z.object({ customerId: z.string(), bookId: z.number() })
const events = defineEvents({ 'order.placed': { data: order }, 'order.delivered': { data: order } })
const broker = postgresBroker({ connectionString })
const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region router
const channels = defineChannels({ customer: ['id'] })
const live = cast
  .live({ channels: (event) => [channels.customer(event.data.customerId)] })
  .enrich('book', { id: (event) => event.data.bookId, load: booksById })

const t = initTRPC.context<{ customerId: string }>().create()

export const router = t.router({
  orders: t.procedure.subscription(
    live.subscription({
      channels: ({ ctx }) => [channels.customer(ctx.customerId)],
      authorize: 'everyone',
      state: ({ ctx, trx }) => ordersOf(trx, ctx.customerId),
    }),
  ),
  // `commands` brings ctx.command: the command's id and idempotency key.
  place: t.procedure
    .concat(commands)
    .input(z.object({ id: z.uuid(), bookId: z.number() }))
    .mutation(({ ctx: { command, customerId }, input: { id, bookId } }) =>
      db.transaction().execute((trx) =>
        cast.once(trx, { ...command, caller: customerId }, async () => {
          await trx.insertInto('orders').values({ id, customerId, bookId, status: 'placed' }).execute()
          const data = { customerId, bookId }
          await cast.append(trx, { type: 'order.placed', key: id, data, headers: causationOf(command) })
          return { id }
        }),
      ),
    ),
})
// #endregion router
