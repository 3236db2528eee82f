import { eq, type SQL, sql } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { cast } from './day-one.ts'

const orders = pgTable('orders', {
  id: text().primaryKey(),
  customerId: text().notNull(),
  bookId: integer().notNull(),
  status: text().notNull(),
})

export function deliver(db: NodePgDatabase, id: string) {
  return db.transaction(async (tx) => {
    const [order] = await tx.update(orders).set({ status: 'delivered' }).where(eq(orders.id, id)).returning()
    if (!order) throw new Error(`There is no order ${id}.`)
    await tx.execute(bound(await cast.appendSql({ type: 'order.delivered', key: id, data: order })))
  })
}

/** A text with $1, $2, … and their values, as Drizzle's own SQL. */
function bound({ text, values }: { text: string; values: readonly unknown[] }): SQL {
  const parts = text.split(/\$(\d+)/)
  return sql.join(parts.map((part, at) => (at % 2 === 0 ? sql.raw(part) : sql.param(values[Number(part) - 1]))))
}
