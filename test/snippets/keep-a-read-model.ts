import { createCommitcast } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { connectionString, db as shop } from './shop-database.ts'
import { events } from './shop-events.ts'

export const db = shop.withTables<{ sales: { customerId: string; orders: number; total: number } }>()
const broker = postgresBroker({ connectionString })
export const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// #region projection
export const sales = cast.projection(
  'sales',
  async (batch, trx) => {
    const placed = batch.filter((event) => event.type === 'order.placed')
    if (placed.length === 0) return
    // One statement for the whole batch; a statement may touch each row once, so each customer comes once.
    const perCustomer = Map.groupBy(placed, (event) => event.data.customerId)
    const rows = [...perCustomer].map(([customerId, orders]) => ({
      customerId,
      orders: orders.length,
      total: orders.reduce((sum, { data }) => sum + data.total, 0),
    }))
    await trx
      .insertInto('sales')
      .values(rows)
      .onConflict((conflict) =>
        conflict.column('customerId').doUpdateSet((row) => ({
          orders: row('sales.orders', '+', row.ref('excluded.orders')),
          total: row('sales.total', '+', row.ref('excluded.total')),
        })),
      )
      .execute()
  },
  { tables: ['sales'] },
)
// #endregion projection

// #region work
export async function work(signal: AbortSignal) {
  await cast.run({ roles: ['consume'], use: [sales], signal })
}
// #endregion work

// #region reached
/** A command that answers with the read model as it is after its own event. */
export async function place(order: { id: string; customerId: string; total: number }) {
  const { id, ...data } = order
  const ids = await db.transaction().execute((trx) => cast.append(trx, { type: 'order.placed', key: id, data }))
  await cast.reached('sales', ids)
  return db.selectFrom('sales').selectAll().where('customerId', '=', order.customerId).executeTakeFirstOrThrow()
}
// #endregion reached
