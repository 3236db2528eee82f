import { memoryBroker } from '@commitcast/broker/memory'
import { MigrateRefused, migrate } from '@commitcast/outbox'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { runPipeline } from './run-pipeline.ts'

test.each(['LATIN1', 'SQL_ASCII'])(
  'migrate refuses a database with the encoding %s, and makes nothing',
  async (encoding) => {
    const server = new pg.Client(inject('postgresUrl'))
    await server.connect()
    const name = `other_${encoding.toLowerCase()}_${Date.now()}`
    await server.query(`create database ${name} template template0 encoding '${encoding}' locale 'C'`)
    {
      const url = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
      await using database = openDatabase(url)
      await expect(migrate(database.sql)).rejects.toThrow(MigrateRefused)
      await expect(migrate(database.sql)).rejects.toThrow(`has the encoding ${encoding}, which can't hold every text`)
      expect(await database.sql.query(`select from pg_namespace where nspname = 'commitcast'`)).toEqual([])
    }
    await server.query(`drop database ${name} with (force)`)
    await server.end()
  },
)

test('tables that were loaded from a dump without rows are migrated, with the partitions and the limit that they had', async () => {
  await using database = await freshDatabase({ partitions: 2, maxEventBytes: 5_000 })
  await forgetRows(database.sql)
  await runPipeline({ db: database.db, broker: memoryBroker(), listenTo: database.url })
  const [topic] = await database.sql.query('select partitions, max_event_bytes as bytes from commitcast.topic')
  expect(topic).toEqual({ partitions: 2, bytes: 5_000 })
})

test('tables without rows that an earlier release dumped are refused, and nothing is changed', async () => {
  await using database = await freshDatabase()
  await forgetRows(database.sql)
  await database.sql.query('drop function commitcast.migrated_up_to()')
  await expect(migrate(database.sql)).rejects.toThrow(/no row says which migrations made them.*drop the schema/s)
  expect(await database.sql.query('select from commitcast.migration')).toEqual([])
})

/** What `pg_dump --schema-only` leaves: tables, functions and a materialized view without rows. */
async function forgetRows(sql: { query(text: string): Promise<unknown> }): Promise<void> {
  for (const table of ['topic', 'migration', 'schema_release']) await sql.query(`delete from commitcast.${table}`)
  await sql.query('refresh materialized view commitcast.cluster_identity with no data')
}
