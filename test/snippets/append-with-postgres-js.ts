import type { Sql } from 'postgres'
import { cast } from './day-one.ts'

export function deliver(sql: Sql, id: string) {
  return sql.begin(async (tx) => {
    const [order] = await tx<{ customerId: string; bookId: number }[]>`
      update orders set status = 'delivered' where id = ${id} returning "customerId", "bookId"`
    if (!order) throw new Error(`There is no order ${id}.`)
    const { text, values } = await cast.appendSql({ type: 'order.delivered', key: id, data: order })
    await tx.unsafe(text, values)
  })
}
