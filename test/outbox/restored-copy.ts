import { migrate } from '@commitcast/outbox'
import { createDatabase, type Server } from '@commitcast/servers'
import type { Sql } from '@commitcast/worker'
import type pg from 'pg'
import { openDatabase } from '../fixtures/open-database.ts'

const tables = ['topic', 'outbox', 'page', 'refused', 'parked'] as const

/**
 * What pg_dump and pg_restore leave: all rows as one snapshot of the source shows them, in a new database of another server,
 * the sequence where it was, the materialized view computed anew at the end.
 */
export async function restoredCopy(source: pg.Pool, server: Pick<Server, 'url'>, { refreshes = true } = {}) {
  const { url, drop } = await createDatabase(server, 'restored')
  const database = openDatabase(url, { max: 10, onEnd: drop })
  const { sql } = database
  const { rows: topics } = await source.query('select partitions from commitcast.topic')
  await migrate(sql, { partitions: topics[0].partitions })
  await sql.query('delete from commitcast.topic')
  const reading = await source.connect()
  await reading.query('begin isolation level repeatable read read only')
  for (const table of tables) await copyRows(reading, sql, table)
  const { rows: sequence } = await reading.query(
    `select last_value from pg_sequences where schemaname = 'commitcast' and sequencename = 'outbox_position_seq'`,
  )
  await reading.query('commit')
  reading.release()
  await sql.query(`select setval('commitcast.outbox_position_seq', $1)`, [sequence[0].last_value ?? 1])
  await sql.query(`refresh materialized view commitcast.cluster_identity ${refreshes ? '' : 'with no data'}`)
  return database
}

async function copyRows(source: pg.PoolClient, target: Sql, table: string) {
  const { rows: columns } = await source.query(
    `select column_name as name, udt_name as type from information_schema.columns
     where table_schema = 'commitcast' and table_name = $1 and is_generated = 'NEVER' order by ordinal_position`,
    [table],
  )
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  const { rows } = await source.query(
    `select ${columns.map(({ name }) => `"${name}"::text`).join(', ')} from commitcast.${table}`,
  )
  const values = columns.map(({ type }, place) => `$${place + 1}::text::${type}`).join(', ')
  for (const row of rows) {
    await target.query(
      `insert into commitcast.${table} (${names}) overriding system value values (${values})`,
      columns.map(({ name }) => row[name]),
    )
  }
}

/** Draws transaction ids until a server is past `until`. */
export async function drawTransactionIds(sql: Sql, until: bigint): Promise<void> {
  await sql.query(
    `do $$ begin
       while pg_current_xact_id()::text::bigint < ${until} loop commit; end loop;
     end $$`,
  )
}

export async function nextTransactionId(sql: Sql): Promise<bigint> {
  const [row] = await sql.query<{ id: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as id')
  return BigInt(row!.id)
}
