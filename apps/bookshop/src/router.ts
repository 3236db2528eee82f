import { initTRPC } from '@trpc/server'
import { commands } from 'commitcast'
import superjson from 'superjson'
import { z } from 'zod'
import { channels } from './channels.ts'
import { moveOrder } from './orders/move-order.ts'
import { orderBoard } from './orders/order-board.ts'
import { orderSteps } from './orders/order-status.ts'
import { placeOrder } from './orders/place-order.ts'
import type { Shop } from './shop.ts'

const t = initTRPC.create({
  transformer: superjson,
  /** What went wrong inside is for the log, not for the browser. */
  errorFormatter: ({ shape, error }) =>
    error.code === 'INTERNAL_SERVER_ERROR'
      ? { ...shape, message: 'Something went wrong in the shop. Try again.' }
      : shape,
})
const statuses = orderSteps.map((step) => step.status)

/** Everything that a browser can ask of the shop. */
export function createRouter(shop: Shop) {
  const { db, live } = shop
  const command = t.procedure.concat(commands)
  return t.router({
    books: t.procedure.input(z.object({ search: z.string().max(100).default('') })).query(({ input }) =>
      db
        .selectFrom('book')
        .select(['id', 'title', 'author', 'publisher', 'year', 'category', 'price_cents as priceCents'])
        .where((eb) =>
          eb.or([eb('title', 'ilike', anywhere(input.search)), eb('author', 'ilike', anywhere(input.search))]),
        )
        .orderBy('title')
        .limit(50)
        .execute(),
    ),
    customers: t.procedure.query(() =>
      db.selectFrom('customer').select(['id', 'name', 'city']).orderBy('name').execute(),
    ),
    orders: t.router({
      place: command
        .input(
          z.object({ customerId: z.string(), bookId: z.number().int(), quantity: z.number().int().min(1).max(20) }),
        )
        .mutation(({ input, ctx }) => placeOrder(shop, input, ctx.command)),
      move: command
        .input(z.object({ id: z.uuid(), from: z.enum(statuses) }))
        .mutation(({ input, ctx }) => moveOrder(shop, input, ctx.command)),
      /** The board: the newest orders, then everything that happens to any order. */
      board: t.procedure.input(z.object({ limit: z.number().int().min(1).max(200).default(50) })).subscription(
        live.subscription({
          channels: () => [channels.orders()],
          authorize: 'everyone',
          state: ({ input, trx }) => orderBoard(trx, input),
        }),
      ),
      /** Everything that happens to any order from now on, or after `lastEventId`. */
      follow: t.procedure
        .input(z.object({ lastEventId: z.string().optional() }).optional())
        .subscription(live.subscription({ channels: () => [channels.orders()], authorize: 'everyone' })),
    }),
  })
}

export type ShopRouter = ReturnType<typeof createRouter>

function anywhere(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`
}
