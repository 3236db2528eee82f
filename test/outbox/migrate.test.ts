import { checkSchema, MigrateRefused, migrate, migrationSql, SchemaOutdated } from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'

type Database = Awaited<ReturnType<typeof freshDatabase>>

describe('migrate on tables that are up to date', () => {
  test('writes nothing and waits for no lock, whatever a transaction holds of the outbox', async () => {
    await using database = await freshDatabase()
    const holder = await database.pool.connect()
    await holder.query('begin; lock table commitcast.outbox in access exclusive mode; lock table commitcast.page')
    const before = await functionsOf(database)
    const client = await database.pool.connect()
    await client.query("begin; set local lock_timeout = '1s'")
    await client.query(migrationSql().replace(/^begin;|commit;$/gm, ''))
    const { rows } = await client.query('select pg_current_xact_id_if_assigned() as written')
    await client.query('commit')
    expect(rows).toEqual([{ written: null }])
    expect(await functionsOf(database)).toEqual(before)
    await holder.query('rollback')
    client.release()
    holder.release()
  })

  test('needs no right to create anything', async () => {
    await using database = await freshDatabase()
    const client = await database.pool.connect()
    const role = `reader_${Date.now()}`
    await client.query(`create role ${role}; grant usage on schema commitcast to ${role};
      grant select on all tables in schema commitcast to ${role}; set role ${role}`)
    await client.query(migrationSql())
    await client.query(`reset role; drop owned by ${role}; drop role ${role}`)
    client.release()
  })
})

describe('migrate replaces a function', () => {
  test('whose text was changed by hand, keeps its rights, and needs no lock on the outbox', async () => {
    await using database = await freshDatabase()
    const before = await functionsOf(database)
    await database.pool.query(`revoke execute on function commitcast.create_segments from public;
      create or replace function commitcast.create_segments(days_ahead int) returns void language sql as 'select'`)
    const holder = await database.pool.connect()
    await holder.query('begin; lock table commitcast.outbox in share row exclusive mode')
    await migrate(database.sql)
    await holder.query('rollback')
    holder.release()
    expect(await functionsOf(database)).toEqual(before)
    const [{ acl }] = (await database.sql.query(
      `select proacl::text as acl from pg_proc where oid = 'commitcast.create_segments(int)'::regprocedure`,
    )) as [{ acl: string }]
    expect(acl).not.toMatch(/[{,]=X/)
  })

  test('that returns something else, and one that has other arguments', async () => {
    await using database = await freshDatabase()
    const before = await functionsOf(database)
    await database.pool.query(`
      drop function commitcast.end_rebuild, commitcast.start_group;
      create function commitcast.end_rebuild(of_id bigint) returns int language sql as 'select 1';
      create function commitcast.start_group(of_group text) returns void language sql as 'select';
      comment on function commitcast.start_group(text) is 'commitcast ${'0'.repeat(32)}'`)
    await migrate(database.sql)
    expect(await functionsOf(database)).toEqual(before)
  })

  test('and drops those of an earlier release, and leaves those of the application', async () => {
    await using database = await freshDatabase()
    const before = await functionsOf(database)
    await database.pool.query(`
      create function commitcast.outdated() returns void language sql as 'select';
      comment on function commitcast.outdated() is 'commitcast ${'0'.repeat(32)}';
      create function commitcast.of_the_app() returns void language sql as 'select'`)
    await migrate(database.sql)
    const signatures = (await functionsOf(database)).map((each) => each.signature)
    expect(signatures).toEqual([...before.map((each) => each.signature), 'commitcast.of_the_app()'].sort())
  })
})

test('a key keeps its partition, and the limit of bytes stays, whoever migrates next and with which options', async () => {
  await using database = await freshDatabase({ partitions: 32, maxEventBytes: 2_000 })
  const partitionOf = async () => {
    await database.sql.query(`select commitcast.append('a.b', 'some key', '1')`)
    return database.sql.query('select partition from commitcast.outbox order by position desc limit 1')
  }
  const before = await partitionOf()
  await migrate(database.sql)
  expect(await partitionOf()).toEqual(before)
  await expect(database.sql.query(`select commitcast.append('a.b', 'k', to_json(repeat('x', 2000)))`)).rejects.toThrow(
    "The data of 'a.b' takes 2002 bytes, at most 2000 are taken.",
  )
})

test('another number of partitions than the tables have is refused, by migrate and by its text, and changes nothing', async () => {
  await using database = await freshDatabase({ partitions: 3 })
  const before = await functionsOf(database)
  const both = /made with 3 partitions, for good; 4 were asked for/
  const refused = migrate(database.sql, { partitions: 4, maxEventBytes: 5_000 })
  await expect(refused).rejects.toThrow(MigrateRefused)
  await expect(refused).rejects.toMatchObject({ code: 'MIGRATE_REFUSED', message: expect.stringMatching(both) })
  await expect(database.pool.query(migrationSql({ partitions: 4 }))).rejects.toThrow(both)
  await migrate(database.sql, { partitions: 3 })
  expect(await functionsOf(database)).toEqual(before)
})

test('another limit of bytes is taken at once, also by connections that have appended before', async () => {
  await using database = await freshDatabase({ maxEventBytes: 2_000 })
  const client = await database.pool.connect()
  const appendBytes = (bytes: number) =>
    client.query(`select commitcast.append('a.b', 'k', to_json(repeat('x', $1)))`, [bytes - 2])
  for (let n = 0; n < 10; n++) await appendBytes(2_000)
  await expect(appendBytes(3_000)).rejects.toThrow('at most 2000 are taken')
  await migrate(database.sql, { maxEventBytes: 3_000 })
  await appendBytes(3_000)
  await expect(appendBytes(3_001)).rejects.toThrow('at most 3000 are taken')
  client.release()
})

describe('where a newer release has migrated', () => {
  test.each([
    ['by its number', `update commitcast.schema_release set version = '10.0.0'`],
    ['by a migration that we do not know', `insert into commitcast.migration values (9999, 'of tomorrow')`],
  ])('migrate changes nothing and says so, known %s', async (_, makeNewer) => {
    await using database = await freshDatabase({ maxEventBytes: 2_000 })
    await database.pool.query(`${makeNewer};
      create or replace function commitcast.uuid_v7() returns uuid language sql as 'select gen_random_uuid()'`)
    const before = await functionsOf(database)
    expect(await migrate(database.sql, { maxEventBytes: 3_000 })).toMatchObject({ isNewer: true })
    await expect(migrate(database.sql, { partitions: 9 })).rejects.toThrow(/partitions, for good; 9 were asked for/)
    await database.pool.query(migrationSql())
    expect(await functionsOf(database)).toEqual(before)
    await checkSchema(database.sql, 'commitcast')
  })
})

test('tables of an older release, or none, are outdated until migrate has run', async () => {
  await using database = await freshDatabase()
  await expect(checkSchema(database.sql, 'elsewhere')).rejects.toThrow(SchemaOutdated)
  await database.sql.query(`update commitcast.schema_release set version = '0.0.9'`)
  await expect(checkSchema(database.sql, 'commitcast')).rejects.toThrow(/older than release .*"commitcast migrate"/)
  await migrate(database.sql)
  await checkSchema(database.sql, 'commitcast')
})

/** Each function of the schema, its definition and the comment by which `migrate` knows it. */
function functionsOf({ sql }: Database) {
  return sql.query<{ signature: string; definition: string; comment: string }>(
    `select oid::regprocedure::text as signature, pg_get_functiondef(oid) as definition,
       obj_description(oid, 'pg_proc') as comment
     from pg_proc where pronamespace = 'commitcast'::regnamespace order by oid::regprocedure::text collate "C"`,
  )
}
