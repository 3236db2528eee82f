import type { Sql } from '@commitcast/worker'

/** The relay's word to appenders whether they have to wake it. */
export interface Sleeper {
  /** Says that it sleeps, and returns the transactions that may still believe it is awake. */
  fallAsleep(): Promise<readonly string[]>
  /** Which of these transactions still run. */
  stillRunning(transactions: readonly string[]): Promise<readonly string[]>
  wakeUp(): Promise<void>
}

export function createSleeper(sql: Sql, schema: string, owner: string): Sleeper {
  return {
    async fallAsleep() {
      await sql.query(
        `with gone as (
           delete from ${schema}.sleeper where owner not in (
             select owner from ${schema}.member where grp = 'relay' and seen_at > clock_timestamp() - interval '1 minute'))
         insert into ${schema}.sleeper values ($1) on conflict do nothing`,
        [owner],
      )
      const rows = await sql.query<{ tx: string }>('select pg_snapshot_xip(pg_current_snapshot())::text as tx')
      return rows.map((row) => row.tx)
    },
    async stillRunning(transactions) {
      const rows = await sql.query<{ tx: string }>(
        `select running.tx::text from pg_snapshot_xip(pg_current_snapshot()) as running(tx)
         where running.tx = any($1::xid8[])`,
        [transactions],
      )
      return rows.map((row) => row.tx)
    },
    async wakeUp() {
      await sql.query(`delete from ${schema}.sleeper where owner = $1`, [owner])
    },
  }
}
