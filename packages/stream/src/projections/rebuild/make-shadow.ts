import type { Sql } from '@commitcast/worker'
import { RebuildRefused } from './rebuild-refused.ts'

export interface MakeShadowOptions {
  readonly schema: string
  readonly id: string
  readonly tables: readonly string[]
}

/**
 * Makes the shadow of a projection's tables and of its group, empty, in the transaction of `sql`; where it is made already,
 * nothing. Throws `RebuildRefused` for a table whose rows can't be exchanged.
 */
export async function makeShadow(sql: Sql, { schema, id, tables }: MakeShadowOptions): Promise<void> {
  const [rebuild] = await sql.query<{ shadowGroup: string; shadowSchema: string; fromKept: boolean }>(
    `select shadow_group as "shadowGroup", shadow_schema as "shadowSchema", from_kept as "fromKept"
     from ${schema}.rebuild where id = $1 and tables is null for update`,
    [id],
  )
  if (!rebuild) return
  const { shadowGroup, shadowSchema, fromKept } = rebuild
  const found = await findTables(sql, tables)
  await sql.query(`create schema ${shadowSchema}`)
  for (const { name, live } of found) await makeTable(sql, { live, shadow: `${shadowSchema}.${name}` })
  await sql.query(
    `insert into ${schema}.group_offset (group_name, partition, epoch, "offset", is_start)
     select $1, generate_series(0, partitions - 1), 1, 0, $2 from ${schema}.topic`,
    [shadowGroup, fromKept],
  )
  await sql.query(`update ${schema}.rebuild set tables = $2 where id = $1`, [id, found.map(({ live }) => live)])
}

interface Table {
  /** Quoted. */
  readonly name: string
  /** Qualified and quoted. */
  readonly live: string
}

async function findTables(sql: Sql, tables: readonly string[]): Promise<readonly Table[]> {
  const found: Table[] = []
  for (const table of tables) {
    const [row] = await sql.query<Table & { obstacles: string | null }>(findTableSql, [table])
    if (!row) throw new RebuildRefused(`There is no table ${table}: say in "tables" what the projection keeps.`)
    if (row.obstacles) throw new RebuildRefused(`The table ${row.live} can't be rebuilt: ${row.obstacles}.`)
    if (found.some(({ name }) => name === row.name)) {
      throw new RebuildRefused(`Two tables are called ${row.name}: a shadow has room for one.`)
    }
    found.push(row)
  }
  return found
}

/** What stands against exchanging rows by DELETE and INSERT, or against filling a copy that lacks what the table has. */
const findTableSql = `
  select quote_ident(relname) as name, format('%I.%I', nspname, relname) as live, concat_ws('; ',
    case when relkind not in ('r', 'p') then 'it is no table' end,
    case when not exists (select from pg_index where indrelid = c.oid and indisprimary)
      then 'it has no primary key to identify rows by' end,
    case when exists (select from pg_constraint where contype = 'f' and confrelid = c.oid)
      then 'foreign keys refer to it, and its rows are exchanged' end,
    case when exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal)
      then 'it has triggers, which a copy would lack' end,
    case when relhasrules then 'it has rules, which a copy would lack' end,
    case when relrowsecurity then 'it has row-level security, which may hide rows from the switch' end
  ) as obstacles
  from pg_class c join pg_namespace n on n.oid = relnamespace where c.oid = to_regclass($1)`

/** Numbers are drawn from the live table's own sequences, so that they stay unique and keep rising. */
async function makeTable(sql: Sql, { live, shadow }: { live: string; shadow: string }): Promise<void> {
  await sql.query(`create table ${shadow} (like ${live} including all excluding identity)`)
  const numbered = await sql.query<{ column: string; sequence: string }>(
    `select quote_ident(attname) as column, quote_literal(pg_get_serial_sequence($1, attname)) as sequence
     from pg_attribute where attrelid = $1::regclass and attidentity <> '' and not attisdropped`,
    [live],
  )
  for (const { column, sequence } of numbered) {
    await sql.query(`alter table ${shadow} alter column ${column} set default nextval(${sequence})`)
  }
}
