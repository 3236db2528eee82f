import type { Sql } from '@commitcast/worker'
import { LeaseLost } from '../../groups/group-offset.ts'
import type { Rebuild } from './list-rebuilds.ts'
import { RebuildRefused } from './rebuild-refused.ts'

/** Runs `act` in one transaction of the application's database; `sql` speaks in it. */
export type InTransaction<TTransaction> = (act: (trx: TTransaction, sql: Sql) => Promise<void>) => Promise<void>

/** Which shadow. */
export interface ShadowPlace extends Pick<Rebuild, 'id' | 'shadowSchema'> {
  readonly schema: string
}

const rebuilding = new WeakSet<object>()

/** Whether a transaction fills a shadow. What is appended in it was appended when the live projection came by. */
export function isRebuilding(transaction: object): boolean {
  return rebuilding.has(transaction)
}

/**
 * The same transactions, in which the names of a projection's tables mean its shadow. One that writes to anything else
 * throws `RebuildRefused` and changes nothing.
 */
export function inShadow<TTransaction>(
  transaction: InTransaction<TTransaction>,
  shadow: ShadowPlace,
): InTransaction<TTransaction> {
  return (act) =>
    transaction(async (trx, sql) => {
      rebuilding.add(trx as object)
      await enter(sql, shadow)
      await act(trx, sql)
      await refuseOtherWrites(sql, shadow)
    })
}

/** Without the shadow the names would mean the live tables again. */
async function enter(sql: Sql, { schema, id, shadowSchema }: ShadowPlace): Promise<void> {
  await sql.query(
    `select ${schema}.lock_shadow($1, true),
       set_config('search_path', concat_ws(', ', $2::text, nullif(current_setting('search_path'), '')), true)`,
    [id, shadowSchema],
  )
  const goesOn = await sql.query(`select from ${schema}.rebuild where id = $1`, [id])
  if (goesOn.length === 0) throw new LeaseLost(`Rebuild ${id} has ended.`)
}

/** Every write locks its table until the transaction ends, however the statement was made and named the table. */
async function refuseOtherWrites(sql: Sql, { schema, shadowSchema }: ShadowPlace): Promise<void> {
  const [other] = await sql.query<{ name: string; isOutbox: boolean }>(otherWritesSql, [shadowSchema, schema])
  if (!other) return
  throw new RebuildRefused(
    other.isOutbox
      ? 'The projection appends events with something else than cast.append(trx, …), and a rebuild would append them again.'
      : `The projection also writes to ${other.name}. Name all of its tables in "tables", and write them without a schema.`,
  )
}

const otherWritesSql = `
  select format('%I.%I', nspname, relname) as name, nspname = $2 as "isOutbox"
  from pg_locks join pg_class c on c.oid = relation join pg_namespace n on n.oid = relnamespace
  where pid = pg_backend_pid() and locktype = 'relation' and mode not in ('AccessShareLock', 'RowShareLock')
    and relkind in ('r', 'p') and relpersistence <> 't' and nspname not in ($1, 'pg_catalog', 'pg_toast')
    and (nspname <> $2 or starts_with(relname, 'outbox')) limit 1`
