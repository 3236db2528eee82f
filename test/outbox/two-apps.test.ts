import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { migrate, newEpoch, retireEvents } from '@commitcast/outbox'
import { untilItWorks } from '@commitcast/worker'
import { createCommitcast, defineEvents } from 'commitcast'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { keepWriting } from '../fixtures/keep-writing.ts'
import { startRelayed } from '../fixtures/relayed.ts'
import { attachDay, attachDaysSince, begin, segmentOf } from './old-days.ts'

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
    await database.sql.query(`insert into ${shop}.sleeping_relay values ('relay')`)
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
      segments: [segmentOf(9)],
      waiting: [],
    })
    expect(await retireEvents(database.sql, { schema: crm, storedUpTo: all, patienceMs })).toMatchObject({
      segments: [],
      waiting: [{ segment: segmentOf(9), because: expect.stringMatching(/held up by the transaction of process/) }],
    })
    const left = await database.sql.query<{ at: string }>(
      `select to_regclass($1)::text as at union all select to_regclass($2)::text`,
      [shop, crm].map((schema) => `${schema}.${segmentOf(9)}`),
    )
    expect(left.map((row) => row.at)).toEqual([null, `${crm}.${segmentOf(9)}`])
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
    running.push(second.run({ roles: ['relay', 'stream', 'consume'], use: [live, group], signal: stopping.signal }))
    const words = `The tables in schema "commitcast" belong to the app "${shop}"; this process is the app "${crm}".`
    await expect(place(second)).rejects.toThrow(words)
    await expect(second.migrate()).rejects.toMatchObject({ code: 'OTHER_APP', message: expect.stringContaining(words) })
    await eventually(() => {
      const waiting = { ready: false, codes: { 0: 'OTHER_APP', 1: 'OTHER_APP' } }
      expect(second.health()).toMatchObject({
        relay: { ready: false, trouble: expect.stringContaining(words) },
        stream: waiting,
        groups: { things: waiting },
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
    const follow = second
      .live({ channels: () => ['all'] })
      .subscription({ channels: () => ['all'], authorize: 'everyone' })
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

describe('two databases with one app name on one broker', () => {
  test('the second one carries nothing and serves nothing of the first, names both, and works after a new epoch', async () => {
    await using one = await freshDatabase({ partitions: 1 })
    await using other = await freshDatabase({ partitions: 1 })
    const storage: MemoryStorage = new Map()
    const open = (db: typeof one.db) => createCommitcast({ app: shop, events, db, broker: memoryBroker(storage) })
    const [first, second] = [open(one.db), open(other.db)]
    const stopping = new AbortController()
    const run = (cast: typeof first) => {
      const live = cast.live({ channels: () => ['all'] })
      const things = cast.projection('things', async () => {})
      const running = cast.run({ roles: ['relay', 'stream', 'consume'], use: [live, things], signal: stopping.signal })
      const seen: string[] = []
      const follow = live.subscription({ channels: () => ['all'], authorize: 'everyone' })
      const read = async () => {
        for await (const [, envelope] of follow({ ctx: {}, input: undefined, signal: stopping.signal })) {
          seen.push(envelope.kind === 'event' ? envelope.event.key : envelope.kind)
        }
      }
      // A client that is refused comes again.
      const reading = untilItWorks(read, { signal: stopping.signal, onError() {} })
      return { seen, done: () => Promise.all([running, reading]) }
    }
    const place = (cast: typeof first, db: typeof one.db, key: string) =>
      db.transaction().execute((trx) => cast.append(trx, { type: 'thing.made', key, data: {} }))

    const ours = run(first)
    await eventually(() => expect(ours.seen).toEqual(['live']))
    await place(first, one.db, 'one')
    await eventually(() => expect(ours.seen).toEqual(['live', 'one']))

    const theirs = run(second)
    const database = async ({ sql }: typeof one) =>
      (
        await sql.query<{ text: string }>(
          `select format('the database "%s" (%s)', current_database(), id) as text from commitcast.topic`,
        )
      )[0]!.text
    const words = `belongs to ${await database(one)}; this process uses ${await database(other)}.`
    await eventually(() => {
      const waiting = { ready: false, codes: { 0: 'OTHER_DATABASE' } }
      expect(second.health()).toMatchObject({
        relay: { ready: false, trouble: expect.stringContaining(words) },
        hub: { ready: false, code: 'OTHER_DATABASE', trouble: expect.stringContaining(words) },
        stream: waiting,
        groups: { things: waiting },
      })
    })
    await place(second, other.db, 'other')
    await place(first, one.db, 'two')
    await eventually(() => expect(ours.seen).toEqual(['live', 'one', 'two']))
    expect(theirs.seen).toEqual([])

    await newEpoch(other.sql, { schema: 'commitcast', from: 1 })
    await eventually(() => expect(second.health()).toMatchObject({ relay: { ready: true }, hub: { ready: true } }))
    await eventually(() => expect(theirs.seen).toContain('live'))
    await place(second, other.db, 'another')
    await eventually(() => expect(theirs.seen.at(-1)).toBe('another'))
    expect(ours.seen).toEqual(['live', 'one', 'two'])
    stopping.abort()
    await Promise.all([ours.done(), theirs.done()])
  })

  test('a topic stays with tables that were dumped and restored, and their hub waits for the new epoch as their relay does', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const { sql, db } = database
    const storage: MemoryStorage = new Map()
    const open = () => createCommitcast({ app: shop, events, db, broker: memoryBroker(storage) })
    const stopping = new AbortController()
    const start = (cast: ReturnType<typeof open>) => {
      const follow = cast
        .live({ channels: () => ['all'] })
        .subscription({ channels: () => ['all'], authorize: 'everyone' })
      const next = follow({ ctx: {}, input: undefined, signal: stopping.signal })[Symbol.asyncIterator]().next()
      return next.catch(() => {})
    }
    const before = start(open())
    await before
    await sql.query('update commitcast.topic set database = 1')
    const cast = open()
    const after = start(cast)
    const trouble = expect.stringMatching(/This database is a copy.*commitcast topic new-epoch --from 1/)
    await eventually(() => expect(cast.health()).toMatchObject({ hub: { ready: false, trouble } }))
    await newEpoch(sql, { schema: 'commitcast', from: 1 })
    await eventually(() => expect(cast.health()).toMatchObject({ hub: { ready: true } }))
    await after
    stopping.abort()
  })
})

async function bothApps() {
  const database = await freshDatabase({ schema: shop, partitions: 2 })
  await migrate(database.sql, { schema: crm, partitions: 3 })
  return database
}
