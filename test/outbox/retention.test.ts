import { assignOffsets, EventsGone, readPages, retireEvents } from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import {
  all,
  attachDay,
  attachDaysSince,
  begin,
  type Database,
  giveAll,
  given,
  insertAt,
  isDetachWaiting,
  leasesOf,
  leavesLeft,
  oldDays,
  pages,
  schema,
  segmentOf,
  watchTraffic,
  write,
} from './old-days.ts'

const patienceMs = 300

describe('retention', () => {
  test('a day goes when its time is over, with its pages; the newest page of a partition stays', async () => {
    await using database = await oldDays([9, 8, 3])
    for (const day of [9, 8, 3]) await write(database, day, 20)
    await giveAll(database, 4)
    const before = await pages(database)
    expect(await retireEvents(database.sql, { storedUpTo: all, pageBatch: 3 })).toEqual({
      segments: [segmentOf(9), segmentOf(8)],
      waiting: [],
      pages: expect.any(Number),
    })
    expect(await leavesLeft(database)).toEqual([segmentOf(3)])
    const after = await pages(database)
    expect(after.length).toBeLessThan(before.length)
    expect(after).toEqual(before.slice(before.length - after.length))
    const kept = await readPages(database.sql, { schema, epoch: 1, partition: 0, after: 40, maxPages: 100 })
    expect(kept.flatMap((page) => page.messages)).toHaveLength(20)
  })

  test.each([
    ['SQL, DMY', 'Asia/Kolkata'],
    ['German', 'Australia/Sydney'],
  ])('a day goes at the same time with the date style %s and the time zone %s', async (style, zone) => {
    await using database = await oldDays([9, 8, 3])
    for (const day of [9, 8, 3]) await write(database, day, 1)
    await giveAll(database, 4)
    const name = new URL(database.url).pathname.slice(1)
    await database.sql.query(`alter database "${name}" set DateStyle = ${style}`)
    await database.sql.query(`alter database "${name}" set TimeZone = '${zone}'`)
    await using elsewhere = openDatabase(database.url)
    await elsewhere.sql.query('select commitcast.create_segments(5)')
    const [segment] = await elsewhere.sql.query(
      `select commitcast.segment_end(to_regclass('commitcast.outbox_' || to_char(now() at time zone 'utc' + interval '5 days', 'YYYYMMDD')))
         = date_trunc('day', now() at time zone 'utc' + interval '6 days') at time zone 'utc' as "endsAtMidnight"`,
    )
    expect(segment).toEqual({ endsAtMidnight: true })
    const { segments } = await retireEvents(elsewhere.sql, { storedUpTo: all })
    expect(segments).toEqual([segmentOf(9), segmentOf(8)])
  })

  test('a partition idle for longer keeps its newest page and goes on after it; what is gone is told', async () => {
    await using database = await oldDays([9])
    await write(database, 9, 10)
    await giveAll(database, 4)
    expect(await retireEvents(database.sql, { storedUpTo: all })).toEqual({
      segments: [segmentOf(9)],
      waiting: [],
      pages: 2,
    })
    expect(await pages(database)).toEqual(['9'])
    for (const after of [0, 9])
      await expect(readPages(database.sql, { schema, epoch: 1, partition: 0, after })).rejects.toThrow(EventsGone)
    await write(database, 0, 1)
    const [next] = await giveAll(database, 4)
    expect(next).toMatchObject({ firstOffset: 11 })
  })

  test('a day stays while an event of it is not given, or given and not stored', async () => {
    await using database = await oldDays([9])
    await write(database, 9, 3)
    await giveAll(database, 4)
    await write(database, 9, 1)
    const because = 'The broker does not have all of its events of partition 0 yet.'
    const waiting = { segments: [], waiting: [{ segment: segmentOf(9), because }], pages: 0 }
    expect(await retireEvents(database.sql, { storedUpTo: all })).toEqual(waiting)
    await giveAll(database, 4)
    expect(await retireEvents(database.sql, { storedUpTo: async () => 3 })).toEqual(waiting)
    expect((await retireEvents(database.sql, { storedUpTo: async () => 4 })).segments).toEqual([segmentOf(9)])
  })

  test.each([
    ['was running and had drawn a lower id', ['late', 'early']],
    ['was running and had drawn a higher id', ['early', 'late']],
  ])('a day stays for an event below what is given, of a transaction that %s', async (_, idsInOrder) => {
    await using database = await oldDays([9])
    const leases = await leasesOf(database)
    const writers = { early: await database.pool.connect(), late: await database.pool.connect() }
    for (const name of idsInOrder as readonly (keyof typeof writers)[]) {
      await writers[name].query('begin')
      await writers[name].query('select pg_current_xact_id()')
    }
    await writers.late.query(insertAt(9, 'gen_random_uuid()', "'k'"))
    await writers.early.query(insertAt(9, 'gen_random_uuid()', "'k'"))
    await writers.early.query('commit')
    await assignOffsets(database.sql, { schema, leases, maxPage: 4 })
    await writers.late.query('commit')
    for (const writer of Object.values(writers)) writer.release()
    expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([])
    await giveAll(database, 4)
    expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([segmentOf(9)])
  })

  test('a day that is on its way takes no events any more, and says so', async () => {
    await using database = await oldDays([9])
    await write(database, 9, 1)
    await retireEvents(database.sql, { storedUpTo: all })
    await expect(write(database, 9, 1)).rejects.toThrow(/The outbox is closed for .*: its events are being retired/)
    await write(database, 0, 1)
  })

  test('a clock that went far ahead takes no day that is to be kept, because no days were made meanwhile', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    for (const day of [40, 39, 38]) await attachDay(database, day)
    expect(await retireEvents(database.sql, { storedUpTo: all })).toEqual({ segments: [], waiting: [], pages: 0 })
    expect(await leavesLeft(database)).toEqual([40, 39, 38].map(segmentOf))
    await retireEvents(database.sql, { storedUpTo: all, keepMs: 86_400_000 })
    expect(await leavesLeft(database)).toEqual([segmentOf(38)])
  })

  test('after a pause of weeks the days before it go when as many new ones have passed as they are kept for', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    for (const day of [40, 39, 38]) await attachDay(database, day)
    const keepMs = 3 * 86_400_000
    expect((await retireEvents(database.sql, { storedUpTo: all, keepMs })).segments).toEqual([])
    await attachDaysSince(database, 1)
    expect((await retireEvents(database.sql, { storedUpTo: all, keepMs })).segments).toEqual([segmentOf(40)])
    await attachDaysSince(database, 3, [1])
    expect((await retireEvents(database.sql, { storedUpTo: all, keepMs })).segments).toEqual([
      segmentOf(39),
      segmentOf(38),
    ])
  })

  test('keeps for ever what is to be kept for ever, and takes no part of a day', async () => {
    await using database = await oldDays([400])
    expect((await retireEvents(database.sql, { storedUpTo: all, keepMs: Infinity })).segments).toEqual([])
    await expect(retireEvents(database.sql, { storedUpTo: all, keepMs: 3_600_000 })).rejects.toThrow(
      /keepMs is 3600000. Events go by whole days: take 86400000/,
    )
  })

  const day9 = `insert into commitcast.outbox (type, key, data, occurred_at) values ('a', 'k', '1', now() - interval '9 days')`
  const today = `select commitcast.append('a', 'k', '1')`
  test.each([
    ['wrote to the day itself', '', day9, /Closing it to writers is held up by the transaction of process \d+/],
    ['wrote to another day', '', today, undefined],
    ['wrote to another day, repeatable read', 'repeatable read', today, /Detaching it is held up by the transaction/],
    ['only took a snapshot', 'repeatable read', 'select 1', undefined],
    ['read the outbox', '', 'select count(*) from commitcast.outbox', /Detaching it is held up by the transaction/],
    [
      'read the segment',
      '',
      `select count(*) from commitcast.${segmentOf(9)}`,
      /Detaching it is held up by the transaction/,
    ],
  ])('an idle transaction that %s: writers and the relay go on', async (_, isolation, statement, because) => {
    await using database = await oldDays([9])
    await write(database, 9, 3)
    await giveAll(database, 10)
    await using idle = await begin(database, isolation, statement)
    await using traffic = watchTraffic(database)
    const givingUp = new AbortController()
    const retiring = retireEvents(database.sql, { storedUpTo: all, signal: givingUp.signal })
    await waitsOrIsOver(database, retiring)
    await traffic.goesOn()
    givingUp.abort()
    const held = await retiring
    if (because) expect(held.waiting.map((one) => one.because)).toEqual([expect.stringMatching(because)])
    else await eventually(async () => expect(await retireAndSeeWhatIsLeft(database)).toEqual([]))
    // Also with a segment that is half detached.
    await traffic.goesOn()
    await traffic.stop()
    await idle.commit()
    await giveAll(database, 10)
    await eventually(async () => expect(await retireAndSeeWhatIsLeft(database)).toEqual([]))
    expect(await given(database)).toBe(3 + (statement === day9 || statement === today ? 1 : 0) + traffic.appended())
  })

  test('a statement whose snapshot is older than the detach does not wait for the readers that the detach waits for', async () => {
    await using database = await oldDays([9])
    await using _reader = await begin(database, '', `select count(*) from commitcast.${segmentOf(9)}`)
    await using older = await begin(database, 'repeatable read', 'select 1')
    const retiring = retireEvents(database.sql, { storedUpTo: all, patienceMs: 600_000 })
    await eventually(async () => expect(await isDetachWaiting(database)).toBe(true))
    expect((await older.client.query('select count(*) from commitcast.outbox')).rowCount).toBe(1)
    expect((await retiring).waiting).toEqual([
      { segment: segmentOf(9), because: expect.stringMatching(/Detaching it is held up by the transaction/) },
    ])
  })

  test('a prepared transaction holds its day, also without a process', async () => {
    await using database = await oldDays([9])
    const name = `kept_${process.pid}`
    const client = await database.pool.connect()
    await client.query(`begin; ${day9}; prepare transaction '${name}'`)
    client.release()
    const held = await retireEvents(database.sql, { storedUpTo: all, patienceMs })
    expect(held.waiting[0]?.because).toContain(
      `held up by the prepared transaction '${name}'; commit it or roll it back`,
    )
    await database.sql.query(`commit prepared '${name}'`)
    expect((await retireEvents(database.sql, { storedUpTo: all })).waiting[0]?.because).toMatch(/does not have all/)
    await giveAll(database, 10)
    expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([segmentOf(9)])
  })

  test('an abort ends the waiting', async () => {
    await using database = await oldDays([9])
    await using _reader = await begin(database, '', 'select count(*) from commitcast.outbox')
    const stopping = new AbortController()
    const retiring = retireEvents(database.sql, { storedUpTo: all, patienceMs: 600_000, signal: stopping.signal })
    await eventually(async () => expect(await isDetachWaiting(database)).toBe(true))
    stopping.abort()
    expect((await retiring).waiting).toHaveLength(1)
  })
})

/** Waits until the detach waits for others, unless the whole call is through before that. */
async function waitsOrIsOver(database: Database, retiring: Promise<unknown>): Promise<void> {
  let isOver = false
  const over = retiring.finally(() => {
    isOver = true
  })
  over.catch(() => {})
  await eventually(async () => expect(isOver || (await isDetachWaiting(database))).toBe(true))
}

async function retireAndSeeWhatIsLeft(database: Database): Promise<readonly string[]> {
  await retireEvents(database.sql, { storedUpTo: all, patienceMs })
  return leavesLeft(database)
}
