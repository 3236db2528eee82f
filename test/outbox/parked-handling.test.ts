import { memoryBroker } from '@commitcast/broker/memory'
import { dropParked, listParked, retireEvents, retryParked } from '@commitcast/outbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { filledDatabase, freshDatabase } from '../fixtures/fresh-database.ts'
import { roundsOf } from '../fixtures/random.ts'
import { all, giveAll, oldDays, write } from './old-days.ts'
import { append, type Database, freshApp, limit, notes, parked, schema, startRelay } from './parked-events.ts'

describe('handling parked events', () => {
  let dozen: Awaited<ReturnType<typeof filledDatabase>>
  beforeAll(async () => {
    dozen = await filledDatabase({ partitions: 1 }, (database) => parkAll(database, 12))
  })
  afterAll(() => dozen?.drop())

  test.each(roundsOf(12))(
    'operators who retry and drop all at once: each event is handled by one of them (round %i)',
    async () => {
      await using database = await dozen.copy()
      const due = (await parked(database)).map((event) => event.id)
      const results = await Promise.all([
        retryParked(database.sql, { schema, ids: 'all' }),
        dropParked(database.sql, { schema, ids: due.slice(4, 8) }),
        retryParked(database.sql, { schema, ids: due.slice(2, 10) }),
        retryParked(database.sql, { schema, ids: 'all' }),
      ])
      results.push(await retryParked(database.sql, { schema, ids: 'all' }))
      const handled = results.flatMap((events) => events.map((event) => event.id))
      expect(handled.sort(byNumber)).toEqual(due)
      expect(await parked(database)).toEqual([])
      const dropped = results[1]!.map((event) => event.eventId)
      const written = await database.sql.query<{ id: string; times: number }>(
        'select id::text, count(*)::int as times from commitcast.outbox group by id',
      )
      expect(written).toHaveLength(12)
      for (const { id, times } of written) expect(times).toBe(dropped.includes(id) ? 1 : 2)
    },
  )

  test('what is retried keeps everything but its time and place, and several keep their order', async () => {
    await using database = await withParked(5)
    const ids = (await parked(database)).map((event) => event.id)
    const retried = await retryParked(database.sql, { schema, ids: [ids[4]!, ids[1]!, ids[2]!] })
    expect(retried.map((event) => event.id)).toEqual([ids[1], ids[2], ids[4]])
    const rows = await database.sql.query<{ occurred_at: Date; row: string }>(
      `select occurred_at, row(id, partition, type, key, data::text, headers::text)::text as row
       from commitcast.outbox order by position`,
    )
    expect(rows.slice(5).map(({ row }) => row)).toEqual([1, 2, 4].map((index) => rows[index]!.row))
    for (const { occurred_at } of rows.slice(5)) expect(+occurred_at).toBeGreaterThan(+rows[4]!.occurred_at)
  })

  test('a retry that the outbox refuses changes nothing', async () => {
    await using database = await withParked(3)
    const before = await parked(database)
    await database.sql.query(`alter table commitcast.outbox add check (data ->> 'n' <> '2') not valid`)
    await expect(retryParked(database.sql, { schema, ids: 'all' })).rejects.toThrow(/violates check constraint/)
    expect(await parked(database)).toEqual(before)
    expect(await retryParked(database.sql, { schema, ids: [before[0]!.id] })).toHaveLength(1)
  })

  test('a list is read page by page', async () => {
    await using database = await withParked(7)
    const ids: string[] = []
    for (let page = await listParked(database.sql, { schema, limit: 3 }); page.length > 0; ) {
      ids.push(...page.map((event) => event.id))
      page = await listParked(database.sql, { schema, limit: 3, after: ids.at(-1)! })
    }
    expect(ids).toEqual((await parked(database)).map((event) => event.id))
  })
})

test('the note of a refused offset goes with its page, not before', async () => {
  await using database = await oldDays([9])
  await write(database, 9, 8)
  await giveAll(database, 2)
  await write(database, 0, 4)
  await giveAll(database, 2)
  await database.sql.query('insert into commitcast.refused values (1, 0, 2), (1, 0, 8), (1, 0, 9), (2, 0, 1)')
  await retireEvents(database.sql, { storedUpTo: all })
  expect(await notes(database)).toEqual([1, 9])
})

test('nobody can append what looks like a placeholder', async () => {
  await using database = await freshDatabase()
  await expect(
    database.sql.query(`select commitcast.append('commitcast.refused', 'k', '{"refused":"a"}')`),
  ).rejects.toThrow(/is reserved/)
})

/** A database where a relay has parked all events that were written. */
async function withParked(count: number): Promise<Database> {
  const database = await freshDatabase({ partitions: 1 })
  await parkAll(database, count)
  return database
}

async function parkAll(database: Database, count: number): Promise<void> {
  const broker = memoryBroker(new Map(), { maxMessageBytes: limit })
  const { stop } = startRelay(database, { broker, app: freshApp() })
  await append(
    database,
    count,
    Array.from({ length: count }, (_, index) => index + 1),
  )
  await eventually(async () => expect(await parked(database)).toHaveLength(count))
  await stop()
}

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b)
}
