import { createAppend } from 'commitcast/append'
import { db } from './shop-database.ts'
import { events } from './shop-events.ts'

// Needs the catalogue and nothing else: no broker, no worker, no connection of its own.
const append = createAppend(events)

export async function handler(request: { id: string; customerId: string; bookId: number; total: number }) {
  const { id, customerId, bookId, total } = request
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('orders').values({ id, customerId, bookId, status: 'placed' }).execute()
    await append(trx, { type: 'order.placed', key: id, data: { customerId, total } })
  })
  return { statusCode: 202 }
}
