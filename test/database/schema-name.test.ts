import { postgresBroker } from '@commitcast/broker/postgres'
import { migrate } from '@commitcast/outbox'
import { checkSchemaName as check } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'

test('a keyword of SQL that no schema can be called in our statements is refused, with its name', async () => {
  await using database = await freshDatabase()
  const words = await database.sql.query<{ word: string }>(`select word from pg_get_keywords() where catcode <> 'U'`)
  expect(words.length).toBeGreaterThan(100)
  for (const { word } of words) expect(() => check(word, 'mine'), word).toThrow(`"${word}" can't be used`)
  for (const schema of ['user', 'order', 'end', 'pg_mine', 'Mine', 'a.b', '1a', '']) {
    await expect(migrate(database.sql, { schema })).rejects.toThrow(`The schema name "${schema}" can't be used`)
    expect(() => postgresBroker({ connectionString: database.url, schema })).toThrow(`"${schema}" can't be used`)
  }
})

test('any other keyword of SQL can be the schema of the tables', async () => {
  await using database = await freshDatabase()
  const words = await database.sql.query<{ word: string }>(
    `select word from pg_get_keywords() where catcode = 'U' and word in ('data', 'key', 'events', 'partition', 'name', 'queue', 'topic', 'system', 'admin')`,
  )
  for (const { word: schema } of words) await migrate(database.sql, { schema })
  expect(words.length).toBeGreaterThan(5)
})
