import { memoryBroker } from '@commitcast/broker/memory'
import { runRelay } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { begin, segmentOf } from './old-days.ts'

const schema = 'commitcast'
const one = `select ${schema}.append('thing.done', 'k', '1')`
const some = `select from ${schema}.append_all('[{"type":"thing.done","key":"a","data":1},{"type":"thing.done","key":"b","data":2}]')`

test.each([
  ['append', one, 1],
  ['append_all', some, 2],
])('%s makes today’s segment again where it was dropped', async (_, statement, events) => {
  await using database = await freshDatabase()
  await database.sql.query(one)
  await dropToday(database.sql)
  await database.sql.query(statement)
  expect(await count(database.sql)).toBe(events)
})

test('a role that may only append makes it, too, and so does a transaction whose snapshot is older', async () => {
  await using database = await freshDatabase()
  const { sql } = database
  const role = `appender_${new URL(database.url).pathname.slice(1)}`
  await sql.query(
    `create role ${role};
     grant usage on schema ${schema} to ${role};
     grant insert on ${schema}.outbox to ${role};
     grant select on ${schema}.topic, ${schema}.sleeping_relay to ${role}`,
  )
  try {
    await using older = await begin(database, 'repeatable read', `set local role ${role}; select 1`)
    await dropToday(sql)
    await older.client.query(one)
    await older.commit()
    expect(await count(sql)).toBe(1)
  } finally {
    await sql.query(`drop owned by ${role}; drop role ${role}`)
  }
})

test('many who append at once make it once, and all their events are there', async () => {
  await using database = await freshDatabase()
  for (let round = 1; round <= 5; round++) {
    await dropToday(database.sql)
    await Promise.all(Array.from({ length: 15 }, () => database.sql.query(one)))
    expect(await count(database.sql)).toBe(15)
  }
})

test('a relay makes it although no one appends', async () => {
  await using database = await freshDatabase()
  const { sql } = database
  const stopping = new AbortController()
  const relay = runRelay({
    ...{ sql, broker: memoryBroker(), app: 'shop', schema, signal: stopping.signal, segmentCheckMs: 50 },
  })
  try {
    await eventually(() => expect(relay.health().ready).toBe(true))
    await dropToday(sql)
    await eventually(async () =>
      expect(await sql.query(`select to_regclass('${schema}.${segmentOf(0)}')::text as name`)).toEqual([
        { name: `${schema}.${segmentOf(0)}` },
      ]),
    )
  } finally {
    stopping.abort()
    await relay.done
  }
})

async function dropToday(sql: Sql): Promise<void> {
  await sql.query(`drop table ${schema}.${segmentOf(0)}`)
}

async function count(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ n: number }>(`select count(*)::int as n from ${schema}.outbox`)
  return row!.n
}
