import { readFileSync } from 'node:fs'
import { MigrateRefused, migrate, migrationSql } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '../fixtures/open-database.ts'
import { catalogueOf } from './catalogue.ts'

/** The tables of the last release before migration 17. */
const before = readFileSync(new URL('schemas/15-afc5e72.sql', import.meta.url), 'utf8')
const renewBefore = `select * from commitcast.renew_leases('relay', 'old worker', 3500, '[]'::json, null, '[]'::json, '[]'::json, false)`

async function openBefore() {
  const { url, drop } = await createDatabase(inject('postgresUrl'))
  const database = openDatabase(url, { onEnd: drop })
  await database.pool.query(before)
  return database
}

test('the migration to new names is refused while a worker is alive, and changes nothing', async () => {
  await using database = await openBefore()
  const { sql } = database
  await sql.query(renewBefore)
  const catalogue = await catalogueOf(sql)
  const refused = migrate(sql)
  await expect(refused).rejects.toThrow(MigrateRefused)
  await expect(refused).rejects.toThrow(/Workers run .*\(relay; last seen at .*Stop all workers .* then migrate again/)
  await expect(database.pool.query(migrationSql())).rejects.toMatchObject({ code: 'OB012' })
  await database.pool.query('rollback')
  expect(await catalogueOf(sql)).toEqual(catalogue)

  await sql.query(`update commitcast.member set seen_at = clock_timestamp() - interval '1 hour'`)
  await migrate(sql)
})

test('a worker of an earlier release gets a clear error and no lease, and its own migrate changes nothing', async () => {
  await using database = await openBefore()
  const { sql } = database
  await migrate(sql)
  const catalogue = await catalogueOf(sql)
  await database.pool.query(before)
  expect(await catalogueOf(sql)).toEqual(catalogue)

  const outdated = {
    code: 'OB013',
    message: expect.stringContaining('This worker is of an earlier release than the tables'),
  }
  await expect(sql.query(renewBefore)).rejects.toMatchObject(outdated)
  await expect(sql.query('select commitcast.make_leaves(2)')).rejects.toMatchObject(outdated)
  expect(await sql.query('select from commitcast.member')).toEqual([])
})

test('a process of an earlier release that appends or serves live queries continues', async () => {
  await using database = await openBefore()
  const { sql } = database
  await migrate(sql)
  await sql.query(`select commitcast.append('a.b', 'k', '1')`)
  await sql.query(`select append_all as id from commitcast.append_all($1::text::json)`, [
    JSON.stringify([{ type: 'a.b', key: 'k', data: 2 }]),
  ])
  const register = () =>
    sql.query(`select grp as "group", id::text, is_committed from commitcast.register_releases($1::text::json)`, [
      JSON.stringify([{ grp: 'mail', types: ['a.b'], number: null }]),
    ])
  expect(await register()).toEqual([{ group: 'mail', id: '1', is_committed: false }])
  expect(await register()).toEqual([{ group: 'mail', id: '1', is_committed: true }])
  expect(await sql.query('select from commitcast.check_home()')).toHaveLength(1)
  expect(await sql.query('select "offset" from commitcast.shown_up_to(pg_current_snapshot())')).toHaveLength(4)
})

test('functions keep their rights under their new names', async () => {
  await using database = await openBefore()
  await database.pool.query('revoke execute on function commitcast.give_pages, commitcast.make_leaves from public')
  await migrate(database.sql)
  const open = await database.sql.query(
    `select proname from pg_proc where pronamespace = 'commitcast'::regnamespace
       and proname in ('assign_offsets', 'create_segments') and has_function_privilege('public', oid, 'execute')`,
  )
  expect(open).toEqual([])
})

test('a dump without rows of the release before is migrated', async () => {
  await using database = await openBefore()
  for (const table of ['topic', 'migration', 'schema_release'])
    await database.pool.query(`delete from commitcast.${table}`)
  await database.pool.query('refresh materialized view commitcast.home with no data')
  await migrate(database.sql)
  expect(await database.sql.query('select partitions, database is not null as known from commitcast.topic')).toEqual([
    { partitions: 4, known: true },
  ])
  expect(await database.sql.query('select from commitcast.cluster_identity')).toHaveLength(1)
})
