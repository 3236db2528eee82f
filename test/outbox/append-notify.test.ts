import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { begin, type Database } from './old-days.ts'

const append = `select commitcast.append('a', 'k', '1')`
const sleeps = `insert into commitcast.sleeping_relay values ('relay')`

describe('writers notify', () => {
  test('never while the relay is awake', async () => {
    await using database = await freshDatabase()
    await using ear = await listen(database)
    for (let n = 0; n < 20; n++) await database.sql.query(append)
    expect(await ear.heard()).toBe(0)
  })

  test('once for each commit while it sleeps, however many events there are, and not for what is rolled back', async () => {
    await using database = await freshDatabase()
    await using ear = await listen(database)
    await database.sql.query(sleeps)
    for (let n = 0; n < 20; n++) await database.sql.query(`${append} from generate_series(1, 5)`)
    await database.sql.query(`begin; ${append}; rollback`)
    expect(await ear.heard()).toBe(20)
  })

  test('at the commit, where the relay fell asleep in the middle of the transaction', async () => {
    await using database = await freshDatabase()
    await using ear = await listen(database)
    await using writer = await begin(database, '', 'select pg_current_xact_id()')
    await database.sql.query(sleeps)
    await writer.client.query(append)
    expect(await ear.heard()).toBe(0)
    await writer.commit()
    expect(await ear.heard()).toBe(1)
  })

  test('always under repeatable read, which can not see whether it sleeps', async () => {
    await using database = await freshDatabase()
    await using ear = await listen(database)
    await using writer = await begin(database, 'repeatable read', 'select 1')
    await database.sql.query(sleeps)
    await writer.client.query(append)
    await writer.commit()
    expect(await ear.heard()).toBe(1)
  })

  test('not where a setting forbids it, so that a transaction can be prepared', async () => {
    await using database = await freshDatabase()
    await using ear = await listen(database)
    await database.sql.query(sleeps)
    const name = crypto.randomUUID()
    await database.sql.query(`begin; set local commitcast.notify = off; ${append}; prepare transaction '${name}'`)
    await database.sql.query(`commit prepared '${name}'`)
    await expect(database.sql.query(`begin; ${append}; prepare transaction '${name}'`)).rejects.toThrow(/NOTIFY/)
    expect(await ear.heard()).toBe(0)
  })
})

/** Counts the notifications since it was last asked. */
async function listen(database: Pick<Database, 'url'>) {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const words: string[] = []
  client.on('notification', ({ payload = '' }) => words.push(payload))
  await client.query('listen commitcast')
  return {
    async heard() {
      // They come in the order of the commits, so this one is the last.
      await client.query(`notify commitcast, 'end'`)
      await eventually(() => expect(words).toContain('end'))
      return words.splice(0).length - 1
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
