import type { Sql } from '@commitcast/worker'
import type { Segment } from './segment.ts'

/** Says which transaction (one that only reads, too, unless `readers` is false) has had the segment, or the outbox above it, open the longest, and how to end it. */
export async function whoHolds(
  sql: Sql,
  schema: string,
  { table }: Pick<Segment, 'table'>,
  { readers = true }: { readonly readers?: boolean } = {},
): Promise<string> {
  const [row] = await sql.query<{ pid: number | null; since: string | null; gid: string | null }>(
    `select activity.pid, activity.xact_start::text as since, prepared.gid
     from pg_locks as held
     left join pg_stat_activity as activity on activity.pid = held.pid and held.pid <> pg_backend_pid()
     left join pg_locks as own on own.locktype = 'transactionid' and held.pid is null and own.pid is null
       and own.virtualtransaction = held.virtualtransaction
     left join pg_prepared_xacts as prepared on prepared.transaction = own.transactionid
     where held.granted and held.database = (select oid from pg_database where datname = current_database())
       and held.relation in (to_regclass($1), to_regclass($2))
       and coalesce(activity.pid::text, prepared.gid) is not null and ($3 or held.mode <> 'AccessShareLock')
     order by held.relation <> to_regclass($1), activity.xact_start nulls first limit 1`,
    [table, `${schema}.outbox`, readers],
  )
  if (!row) return 'a transaction that has ended meanwhile, or an older snapshot'
  if (row.gid !== null) return `the prepared transaction '${row.gid}'; commit it or roll it back`
  return `the transaction of process ${row.pid}, open since ${row.since}; pg_terminate_backend(${row.pid}) ends it`
}
