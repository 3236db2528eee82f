import type { ClientBase } from 'pg'
import { cast } from './day-one.ts'

export async function deliver(client: ClientBase, id: string) {
  await client.query('begin')
  try {
    const { rows } = await client.query(
      `update orders set status = 'delivered' where id = $1 returning "customerId", "bookId"`,
      [id],
    )
    await cast.append(client, { type: 'order.delivered', key: id, data: rows[0] })
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
