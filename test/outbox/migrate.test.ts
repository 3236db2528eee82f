import { migrate, migrationSql } from '@commitcast/outbox'
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
    await database.pool.query(`revoke execute on function commitcast.make_leaves from public;
      create or replace function commitcast.make_leaves(days_ahead int) returns void language sql as 'select'`)
    const holder = await database.pool.connect()
    await holder.query('begin; lock table commitcast.outbox in share row exclusive mode')
    await migrate(database.sql)
    await holder.query('rollback')
    holder.release()
    expect(await functionsOf(database)).toEqual(before)
    const [{ acl }] = (await database.sql.query(
      `select proacl::text as acl from pg_proc where oid = 'commitcast.make_leaves(int)'::regprocedure`,
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

/** Each function of the schema, its definition and the comment by which `migrate` knows it. */
function functionsOf({ sql }: Database) {
  return sql.query<{ signature: string; definition: string; comment: string }>(
    `select oid::regprocedure::text as signature, pg_get_functiondef(oid) as definition,
       obj_description(oid, 'pg_proc') as comment
     from pg_proc where pronamespace = 'commitcast'::regnamespace order by oid::regprocedure::text collate "C"`,
  )
}
