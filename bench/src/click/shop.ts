import type { Logger } from '@commitcast/worker'
import { initTRPC } from '@trpc/server'
import { createCommitcast } from 'commitcast'
import { natsBroker } from 'commitcast/nats'
import { Kysely, PostgresDialect } from 'kysely'
import superjson from 'superjson'
import { z } from 'zod'
import { orderEvents } from '../enrich/sample-orders.ts'
import { openPool } from '../open-pool.ts'

/** What each process of the shop is given. */
export interface ShopConfig {
  readonly databaseUrl: string
  readonly natsUrl: string
}

interface Database {
  readonly customer: { readonly id: string; readonly name: string; readonly city: string }
}

export const app = 'click'

/** Everybody hears of all orders on this channel. */
export const allOrders = 'orders'

/** The channel of one customer's orders. */
export const ordersOf = (customerId: string) => `customer:${customerId}`

/** What every process is composed of: orders with their customer, told to the customer and on one channel for all. */
export function openShop({ databaseUrl, natsUrl }: ShopConfig, logger: Logger) {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: openPool(databaseUrl) }) })
  const cast = createCommitcast({
    app,
    events: orderEvents,
    db,
    broker: natsBroker({ servers: natsUrl }),
    listenTo: databaseUrl,
    logger,
  })
  const live = cast
    .live({ channels: ({ data }) => [allOrders, ordersOf(data.customerId)] })
    .enrich('customer', { id: ({ data }) => data.customerId, load: (ids) => customersById(db, ids) })
  const t = initTRPC.create({ transformer: superjson })
  const router = t.router({
    orders: t.procedure.input(z.object({ channel: z.string() })).subscription(
      live.subscription({
        channels: ({ input }) => [input.channel],
        authorize: 'everyone',
        state: async () => noOrders,
      }),
    ),
  })
  return {
    cast,
    live,
    router,
    async close() {
      await cast.close()
      await db.destroy()
    },
  }
}

/** The only state there is: orders are in no table here. */
const noOrders = { orders: 0, newestBy: '' }

async function customersById(db: Kysely<Database>, ids: readonly string[]) {
  const rows = await db.selectFrom('customer').selectAll().where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, row]))
}

export type ShopRouter = ReturnType<typeof openShop>['router']
