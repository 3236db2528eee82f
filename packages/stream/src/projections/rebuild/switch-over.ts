import { type Sql, sleep } from '@commitcast/worker'
import { listRebuilds, type Rebuild } from './list-rebuilds.ts'
import { RebuildRefused } from './rebuild-refused.ts'

export interface SwitchOptions {
  readonly schema: string
  readonly id: string
  readonly signal: AbortSignal
}

/** How many rows of the live tables were not as the rebuild has them. */
export interface Switched {
  readonly deleted: number
  readonly inserted: number
}

const mostBehind = 500
const lockMs = 3_000
const catchUpMs = 5_000
const noProgressMs = 1_000
const pauseMs = 10_000

/** Whether it is time to try, and for this worker to do it: all workers together try once in ten seconds. */
export async function mayTry(sql: Sql, schema: string, rebuild: Rebuild): Promise<boolean> {
  if (!isNear(rebuild)) return false
  const mine = await sql.query(
    `update ${schema}.rebuild set next_try_at = clock_timestamp() + make_interval(secs => $2 / 1000.0)
     where id = (select id from ${schema}.rebuild where id = $1 and next_try_at < clock_timestamp() for update skip locked)
     returning id`,
    [rebuild.id, pauseMs],
  )
  return mine.length > 0
}

/**
 * Makes the live tables' rows those of the shadow and ends the rebuild, in the transaction of `sql`, where the shadow is at
 * most a moment behind and nothing is parked; otherwise nothing, and `undefined`. Readers never wait, and see all of the
 * old rows or all of the new. The live group is halted meanwhile, and its workers begin anew.
 */
export async function switchOver(sql: Sql, { schema, id, signal }: SwitchOptions): Promise<Switched | undefined> {
  // Each look has to see what others committed, and the exchange takes as long as it takes.
  await sql.query('set transaction isolation level read committed')
  // Rows are compared as texts; rounded numbers would look the same.
  await sql.query(`select set_config('lock_timeout', '${lockMs}', true), set_config('statement_timeout', '0', true),
    set_config('extra_float_digits', '1', true)`)
  await sql.query(`select from ${schema}.rebuild where id = $1 for update`, [id])
  const look = async () => (await listRebuilds(sql, { schema })).find((rebuild) => rebuild.id === id)
  const before = await look()
  if (!before || !isNear(before)) return undefined
  await stopLive(sql, schema, before)
  if (!(await caughtUp(look, signal))) return undefined
  await endWork(sql, schema, before)
  const switched = { deleted: 0, inserted: 0 }
  for (const table of before.tables!) {
    const { deleted, inserted } = await exchange(sql, table, before.shadowSchema)
    switched.deleted += deleted
    switched.inserted += inserted
  }
  await sql.query(`select ${schema}.end_rebuild($1)`, [id])
  return switched
}

function isNear({ behind, parked }: Rebuild): boolean {
  return parked === 0 && behind !== undefined && behind <= mostBehind
}

/** Tables first: who has written to them ends, who has not waits, holding nothing that we need. Then offsets stand. */
async function stopLive(sql: Sql, schema: string, { group, tables }: Rebuild): Promise<void> {
  await sql.query(`lock table ${tables!.join(', ')} in exclusive mode`)
  await sql.query(`select from ${schema}.lease where group_name = $1 order by partition for update`, [group])
}

/** A new term for the live group: who waits for us may have read rows that are about to change, and has to begin anew. */
async function endWork(sql: Sql, schema: string, { id, group }: Rebuild): Promise<void> {
  await sql.query(`select ${schema}.lock_shadow($1, false)`, [id])
  await sql.query(`update ${schema}.lease set term = term + 1 where group_name = $1`, [group])
}

/** Waits for as long as the shadow gets nearer, within bounds. */
async function caughtUp(look: () => Promise<Rebuild | undefined>, signal: AbortSignal): Promise<boolean> {
  const startedAt = Date.now()
  let nearest = Number.POSITIVE_INFINITY
  let nearerAt = startedAt
  while (!signal.aborted && Date.now() < startedAt + catchUpMs && Date.now() < nearerAt + noProgressMs) {
    const now = await look()
    if (now?.parked !== 0) return false
    if (now.behind === 0) return true
    if (now.behind !== undefined && now.behind < nearest) {
      nearest = now.behind
      nearerAt = Date.now()
    }
    await sleep(20, signal)
  }
  return false
}

/** Only rows that differ are touched. As texts, because not every type can be compared. */
async function exchange(sql: Sql, live: string, shadowSchema: string): Promise<Switched> {
  const [table] = await sql.query<{ name: string; sameKey: string; columns: string }>(tableSql, [live])
  if (!table) throw new RebuildRefused(`The table ${live} is gone: cancel the rebuild.`)
  const shadow = `${shadowSchema}.${table.name}`
  const { sameKey, columns } = table
  const count = async (statement: string) => {
    const [row] = await sql.query<{ count: number }>(
      `with done as (${statement} returning 1) select count(*)::int as count from done`,
    )
    return row!.count
  }
  await sql.query(`analyze ${shadow}`)
  const deleted = await count(
    `delete from ${live} as live where not exists (
       select from ${shadow} as built where ${sameKey} and (built.*)::text = (live.*)::text)`,
  )
  const inserted = await count(
    `insert into ${live} (${columns}) overriding system value select ${columns} from ${shadow} as built
     where not exists (select from ${live} as live where ${sameKey})`,
  )
  return { deleted, inserted }
}

const tableSql = `
  select quote_ident(relname) as name,
    (select string_agg(format('live.%1$I = built.%1$I', attname), ' and ') from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
     where indrelid = c.oid and indisprimary) as "sameKey",
    (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
     where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns
  from pg_class c where oid = to_regclass($1)`
