import { memoryBroker } from '@commitcast/broker/memory'
import { migrate, retireEvents } from '@commitcast/outbox'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { keepWriting } from '../fixtures/keep-writing.ts'
import { startRelayed } from '../fixtures/relayed.ts'
import { attachDay, attachDaysSince, begin, leafOf } from './old-days.ts'

/** One name begins with the other, and `_` stands for any character where somebody compares with LIKE. */
const [shop, crm] = ['shop', 'shop_x'] as const
const all = async () => Number.MAX_SAFE_INTEGER

describe('two apps in one database, told apart by the schema', () => {
  test('each have their own offsets, topics, leases and wake-ups', async () => {
    await using database = await bothApps()
    const broker = memoryBroker()
    const one = { ...database, broker, app: shop, schema: shop, partitions: 2 }
    const other = { ...database, broker, app: crm, schema: crm, partitions: 3 }
    await using first = await startRelayed(one)
    await using second = await startRelayed(other)
    await eventually(() => {
      expect(first.health()).toMatchObject({ ready: true, partitions: [0, 1] })
      expect(second.health()).toMatchObject({ ready: true, partitions: [0, 1, 2] })
    })
    await using writing = keepWriting(database.sql, shop)
    await using alsoWriting = keepWriting(database.sql, crm)
    await eventually(() => expect(Math.min(writing.written(), alsoWriting.written())).toBeGreaterThan(200))
    await Promise.all([writing.stop(), alsoWriting.stop()])
    expect(await first.hasCarriedAll()).toBe(writing.written())
    expect(await second.hasCarriedAll()).toBe(alsoWriting.written())
  })

  test('one wakes its own relay only', async () => {
    await using database = await bothApps()
    const words: string[] = []
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    client.on('notification', ({ channel, payload }) => words.push(payload || channel))
    await client.query(`listen ${shop}; listen ${crm}`)
    await database.sql.query(`insert into ${shop}.sleeper values ('relay')`)
    for (const schema of [shop, crm]) await database.sql.query(`select ${schema}.append('a', 'k', '1')`)
    await client.query(`notify ${shop}, 'end'`)
    await eventually(() => expect(words).toContain('end'))
    await client.end()
    expect(words).toEqual([shop, 'end'])
  })

  test('one retires its old days while the other’s are held by an idle transaction', async () => {
    await using database = await bothApps()
    for (const into of [shop, crm]) {
      await attachDay(database, 9, { into })
      await attachDaysSince(database, 7, [], into)
    }
    await using _idle = await begin(database, '', `select count(*) from ${crm}.outbox`)
    const patienceMs = 300
    expect(await retireEvents(database.sql, { schema: shop, storedUpTo: all, patienceMs })).toMatchObject({
      leaves: [leafOf(9)],
      waiting: [],
    })
    expect(await retireEvents(database.sql, { schema: crm, storedUpTo: all, patienceMs })).toMatchObject({
      leaves: [],
      waiting: [{ leaf: leafOf(9), because: expect.stringMatching(/held up by the transaction of process/) }],
    })
    const left = await database.sql.query<{ at: string }>(
      `select to_regclass($1)::text as at union all select to_regclass($2)::text`,
      [shop, crm].map((schema) => `${schema}.${leafOf(9)}`),
    )
    expect(left.map((row) => row.at)).toEqual([null, `${crm}.${leafOf(9)}`])
  })

  test('one is migrated, and removed, without the other', async () => {
    await using database = await bothApps()
    await database.sql.query(`select ${crm}.append('a', 'k', '1')`)
    await migrate(database.sql, { schema: shop, partitions: 2 })
    await database.sql.query(`drop schema ${shop} cascade`)
    await database.sql.query(`select ${crm}.append('b', 'k', '1')`)
    await migrate(database.sql, { schema: shop, partitions: 5 })
    await migrate(database.sql, { schema: crm, partitions: 3 })
    const topics = await database.sql.query<{ partitions: number }>(
      `select partitions from ${shop}.topic union all select partitions from ${crm}.topic`,
    )
    expect(topics.map((row) => row.partitions)).toEqual([5, 3])
    expect(await database.sql.query(`select type from ${crm}.outbox order by position`)).toEqual([
      { type: 'a' },
      { type: 'b' },
    ])
    expect(await database.sql.query(`select from ${shop}.outbox`)).toEqual([])
  })
})

async function bothApps() {
  const database = await freshDatabase({ schema: shop, partitions: 2 })
  await migrate(database.sql, { schema: crm, partitions: 3 })
  return database
}
