import type { Sql } from '@commitcast/worker'

/** The relay's row in `sleeping_relay`: while it is there, appends notify the relay. */
export interface SleepingRelay {
  /** Inserts the row. Returns a transaction id: a transaction with a lower one may not have seen the row. */
  fallAsleep(): Promise<string>
  /** Whether a transaction with a lower id still runs, anywhere in the cluster. */
  isRunningBefore(tx: string): Promise<boolean>
  wakeUp(): Promise<void>
}

export function createSleepingRelay(sql: Sql, schema: string, owner: string): SleepingRelay {
  return {
    async fallAsleep() {
      await sql.query(
        `with gone as (
           delete from ${schema}.sleeping_relay where owner not in (
             select owner from ${schema}.member where group_name = 'relay' and seen_at > clock_timestamp() - interval '1 minute'))
         insert into ${schema}.sleeping_relay values ($1) on conflict do nothing`,
        [owner],
      )
      const [row] = await sql.query<{ tx: string }>('select pg_current_xact_id()::text as tx')
      return row!.tx
    },
    async isRunningBefore(tx) {
      const [row] = await sql.query<{ running: boolean }>(
        'select pg_snapshot_xmin(pg_current_snapshot()) < $1::xid8 as running',
        [tx],
      )
      return row!.running
    },
    async wakeUp() {
      await sql.query(`delete from ${schema}.sleeping_relay where owner = $1`, [owner])
    },
  }
}
