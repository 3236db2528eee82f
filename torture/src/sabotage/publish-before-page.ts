import { type Sql, sleep } from '@commitcast/worker'
import type pg from 'pg'

const lateMs = 250

/** Hands pages out before their transaction has committed; the commit follows a moment later, if nothing happens. */
export function publishBeforePage(pool: pg.Pool, sql: Sql): Sql {
  let committed: Promise<unknown> = Promise.resolve()
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      if (!text.includes('assign_offsets')) return sql.query<TRow>(text, values)
      await committed
      const client = await pool.connect()
      if (client.listenerCount('error') < 2) client.on('error', () => {})
      try {
        await client.query('begin')
        const { rows } = await client.query(text, [...values])
        committed = commitLate(client)
        return rows as TRow[]
      } catch (error) {
        client.release(true)
        throw error
      }
    },
  }
}

async function commitLate(client: pg.PoolClient): Promise<void> {
  try {
    await sleep(lateMs)
    await client.query('commit')
    client.release()
  } catch {
    client.release(true)
  }
}
