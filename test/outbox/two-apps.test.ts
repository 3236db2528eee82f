import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { migrate, retireEvents } from '@commitcast/outbox'
import { createCommitcast, defineEvents } from 'commitcast'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { keepWriting } from '../fixtures/keep-writing.ts'
import { startRelayed } from '../fixtures/relayed.ts'
import { attachDay, attachDaysSince, begin, leafOf } from './old-days.ts'

/** One name begins with the other, and `_` stands for any character where somebody compares with LIKE. */
const [shop, crm] = ['shop', 'shop_x'] as const
const events = defineEvents({ 'thing.made': { data: z.object({}) } })
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

describe('two apps with one schema', () => {
  test('the second one appends nothing, carries nothing and serves nothing, and says whose tables they are', async () => {
    await using database = await freshDatabase({ partitions: 2 })
    const { db } = database
    const storage: MemoryStorage = new Map()
    const open = (app: string) => createCommitcast({ app, events, db, broker: memoryBroker(storage) })
    const [first, second] = [open(shop), open(crm)]
    const stopping = new AbortController()
    const place = (cast: typeof first) =>
      db.transaction().execute((trx) => cast.append(trx, { type: 'thing.made', key: 'k', data: {} }))
    const running = [first.run({ roles: ['relay'], signal: stopping.signal })]
    await eventually(() => expect(first.health()).toMatchObject({ relay: { ready: true } }))
    await place(first)

    const live = second.live({ channels: () => ['all'] })
    const group = second.projection('things', async () => {})
    running.push(second.run({ roles: ['relay', 'stream', 'project'], use: [live, group], signal: stopping.signal }))
    const words = `The tables in schema "commitcast" belong to the app "${shop}"; this process is the app "${crm}".`
    await expect(place(second)).rejects.toThrow(words)
    await expect(second.migrate()).rejects.toMatchObject({ code: 'OTHER_APP', message: expect.stringContaining(words) })
    await eventually(() => {
      const waiting = { ready: false, codes: { 0: 'OTHER_APP', 1: 'OTHER_APP' } }
      expect(second.health()).toMatchObject({
        relay: { ready: false, trouble: expect.stringContaining(words) },
        stream: waiting,
        'group things': waiting,
      })
    })
    await place(first)
    const topics = [...storage.keys()].map(String)
    expect(topics.filter((name) => name.includes(crm))).toEqual([])
    expect(await database.sql.query(`select from commitcast.outbox`)).toHaveLength(2)
    stopping.abort()
    await Promise.all(running)
  })

  test('its hub says so, too', async () => {
    await using database = await freshDatabase()
    const parts = { events, db: database.db, broker: memoryBroker() }
    await createCommitcast({ ...parts, app: shop }).migrate()
    const second = createCommitcast({ ...parts, app: crm })
    const stopping = new AbortController()
    const follow = second.live({ channels: () => ['all'] }).follow({ channels: () => ['all'] })
    const stream = follow({ ctx: {}, input: undefined, signal: stopping.signal })
    const first = stream[Symbol.asyncIterator]()
      .next()
      .catch(() => {})
    await eventually(() => expect(second.health()).toMatchObject({ hub: { ready: false, code: 'OTHER_APP' } }))
    stopping.abort()
    await first
    await second.close()
  })

  test('tables of an earlier release belong to the app of the first process of this one', async () => {
    await using database = await freshDatabase()
    const bound = async () =>
      (await database.sql.query<{ app: string | null }>('select app from commitcast.topic'))[0]?.app
    const cast = createCommitcast({ app: shop, events, db: database.db, broker: memoryBroker() })
    await database.db.transaction().execute((trx) => cast.append(trx, { type: 'thing.made', key: 'k', data: {} }))
    expect(await bound()).toBe(null)
    await Promise.all([cast.migrate(), cast.migrate(), cast.migrate()])
    expect(await bound()).toBe(shop)
  })
})

async function bothApps() {
  const database = await freshDatabase({ schema: shop, partitions: 2 })
  await migrate(database.sql, { schema: crm, partitions: 3 })
  return database
}
