import { createCommitcast } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { connectionString, db } from './shop-database.ts'
import { events } from './shop-events.ts'

// #region cast
// Beside your Kysely instance, once per process. Nothing is connected before it is used.
export const cast = createCommitcast({ app: 'shop', events, db, broker: postgresBroker({ connectionString }) })
// #endregion cast

// #region before
export function deliverAsItWas(id: string) {
  return db.updateTable('orders').set({ status: 'delivered' }).where('id', '=', id).execute()
}
// #endregion before

// #region after
export function deliver(id: string) {
  return db.transaction().execute(async (trx) => {
    const order = await trx
      .updateTable('orders')
      .set({ status: 'delivered' })
      .where('id', '=', id)
      .where('status', '<>', 'delivered')
      .returning('customerId')
      .executeTakeFirst()
    // Nothing changed, so nothing happened.
    if (!order) return
    await cast.append(trx, { type: 'order.delivered', key: id, data: order })
  })
}
// #endregion after

// #region migrate
await cast.migrate()
// #endregion migrate

// #region tail
const topic = await postgresBroker({ connectionString }).topic({ name: 'shop-events', epoch: 1, partitions: 8 })
for await (const batch of topic.read(0, 0, { signal: AbortSignal.timeout(60_000) })) {
  for (const { offset, type, key, body } of batch) console.log(offset, type, key, body)
}
// #endregion tail
