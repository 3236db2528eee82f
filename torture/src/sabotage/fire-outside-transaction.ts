import { type Sql, sleep } from '@commitcast/worker'
import type pg from 'pg'

const lateMs = 4_000

/** Takes what is due from the scheduled events in one transaction, and appends it in another, a moment later. */
export function fireOutsideTransaction(pool: pg.Pool, sql: Sql): Sql {
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      if (!text.includes('fire_due(')) return sql.query<TRow>(text, values)
      const [gone] = await sql.query<{ rows: string }>(
        `with gone as (delete from commitcast.scheduled_event where at <= clock_timestamp() returning *)
         select json_agg(gone)::text as rows from gone having count(*) > 0`,
      )
      if (!gone) return sql.query<TRow>(text, values)
      await sleep(lateMs)
      return appendNow<TRow>(pool, gone.rows, { text, values })
    },
  }
}

/** By the function that would have fired them. */
async function appendNow<TRow>(
  pool: pg.Pool,
  scheduled: string,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
): Promise<TRow[]> {
  const client = await pool.connect()
  if (client.listenerCount('error') < 2) client.on('error', () => {})
  try {
    await client.query('begin')
    await client.query(
      `insert into commitcast.scheduled_event overriding system value
       select * from json_populate_recordset(null::commitcast.scheduled_event, $1::json) on conflict do nothing`,
      [scheduled],
    )
    const { rows } = await client.query(text, ['-infinity', null, ...values.slice(2)])
    await client.query('commit')
    client.release()
    return rows as TRow[]
  } catch (error) {
    client.release(true)
    throw error
  }
}
