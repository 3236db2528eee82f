import { InvalidEvent } from '@commitcast/events'
import { InvalidSchedule, NotInTransaction } from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import {
  appended,
  type Database,
  fire,
  openTransaction,
  passTime,
  reminder,
  schedule,
  unschedule,
  waiting,
} from './scheduled.ts'

const inAnHour = () => new Date(Date.now() + 3_600_000)
const id = '01a22046-c89a-74e6-b3ae-02acba9e0cfc'

describe('a scheduled event', () => {
  test('is appended once when it is due, as append would have written it, with the id that schedule returned', async () => {
    await using database = await freshDatabase()
    const headers = { causationId: 'c', correlationId: 'o', actor: 'ada' }
    const returned = await inTransaction(database, (trx) =>
      schedule(trx, { name: 'remind', at: inAnHour(), event: { ...reminder(1), headers } }),
    )
    expect(await fire(database)).toBe(0)
    await passTime(database)
    expect([await fire(database), await fire(database)]).toEqual([1, 0])
    expect(await database.sql.query('select id, type, key, data, headers from commitcast.outbox')).toEqual([
      { id: returned, ...reminder(1), headers: { causation: 'c', correlation: 'o', actor: 'ada' } },
    ])
    expect(await waiting(database)).toEqual([])
  })

  test('has the id that was given, and the time of its firing', async () => {
    await using database = await freshDatabase()
    await inTransaction(database, (trx) =>
      schedule(trx, { name: 'remind', at: inAnHour(), event: { ...reminder(1), id: id.toUpperCase() } }),
    )
    await passTime(database)
    const [{ before } = {}] = await database.sql.query<{ before: string }>('select clock_timestamp()::text as before')
    await fire(database)
    expect(
      await database.sql.query('select id, occurred_at >= $1::timestamptz as late from commitcast.outbox', [before]),
    ).toEqual([{ id, late: true }])
  })

  test('is there if and only if the transaction commits, of Kysely and of pg', async () => {
    await using database = await freshDatabase()
    await inTransaction(database, async (trx) => {
      await schedule(trx, { name: 'one', at: inAnHour(), event: reminder(1) })
      throw new Error('changed my mind')
    }).catch(() => {})
    expect(await waiting(database)).toEqual([])
    await using writer = await openTransaction(database)
    await schedule(writer.client, { name: 'two', at: inAnHour(), event: reminder(2) })
    await writer.client.query('commit')
    expect(await waiting(database)).toEqual(['two 2'])
  })

  test('is replaced by the next one of its name, its time and its event', async () => {
    await using database = await freshDatabase()
    for (const n of [1, 2])
      await inTransaction(database, (trx) => schedule(trx, { name: 'remind', at: inAnHour(), event: reminder(n) }))
    expect(await waiting(database)).toEqual(['remind 2'])
    await passTime(database)
    await fire(database)
    expect(await appended(database)).toEqual([2])
  })

  test('whose time is past fires at once, once', async () => {
    await using database = await freshDatabase()
    for (const at of [new Date(0), new Date(-8.64e15)])
      await inTransaction(database, (trx) => schedule(trx, { name: String(+at), at, event: reminder(1) }))
    expect([await fire(database), await fire(database)]).toEqual([2, 0])
    expect(await appended(database)).toEqual([1, 1])
  })

  test('fires by its time, and those of one time in the order in which they were scheduled', async () => {
    await using database = await freshDatabase()
    const [soon, late] = [inAnHour(), new Date(Date.now() + 7_200_000)]
    const scheduled = [
      ['d', late, 4],
      ['b', soon, 9],
      ['a', soon, 2],
      ['b', soon, 3],
      ['c', soon, 1],
    ] as const
    await inTransaction(database, async (trx) => {
      for (const [name, at, n] of scheduled) await schedule(trx, { name, at, event: reminder(n) })
    })
    expect(await waiting(database)).toEqual(['a 2', 'b 3', 'c 1', 'd 4'])
    await database.sql.query(`update commitcast.scheduled_event set at = at - interval '3 hours'`)
    await fire(database)
    expect(await appended(database)).toEqual([2, 3, 1, 4])
  })
})

describe('cancelling', () => {
  test('says whether the event was still there, and holds if the transaction commits', async () => {
    await using database = await freshDatabase()
    await inTransaction(database, (trx) => schedule(trx, { name: 'remind', at: inAnHour(), event: reminder(1) }))
    await inTransaction(database, async (trx) => {
      expect(await unschedule(trx, 'remind')).toBe(true)
      throw new Error('changed my mind')
    }).catch(() => {})
    expect(await waiting(database)).toEqual(['remind 1'])
    expect(await inTransaction(database, (trx) => unschedule(trx, 'remind'))).toBe(true)
    expect(await inTransaction(database, (trx) => unschedule(trx, 'remind'))).toBe(false)
    await passTime(database)
    expect(await fire(database)).toBe(0)
  })
})

describe('an owner', () => {
  test('has names of its own', async () => {
    await using database = await freshDatabase()
    await scheduleSql(database, `'remind', now() + interval '1 hour', 'a.b', 'k', '{"n":1}'`)
    await scheduleSql(database, `'remind', now() + interval '1 hour', 'a.b', 'k', '{"n":2}', owner => 'process/a/1'`)
    expect(await waiting(database)).toEqual(['remind 1', 'remind 2'])
    await inTransaction(database, (trx) => schedule(trx, { name: 'remind', at: inAnHour(), event: reminder(3) }))
    expect(await waiting(database)).toEqual(['remind 2', 'remind 3'])
    expect(await database.sql.query(`select commitcast.unschedule('remind', 'process/a/2') as found`)).toEqual([
      { found: false },
    ])
    expect(await database.sql.query(`select commitcast.unschedule('remind', 'process/a/1') as found`)).toEqual([
      { found: true },
    ])
    expect(await waiting(database)).toEqual(['remind 3'])
  })

  test('that is a process has time-outs, which no one else schedules or appends', async () => {
    await using database = await freshDatabase()
    const timeout = `'remind', now(), 'commitcast.timeout', 'k', '{"n":1}'`
    await expect(scheduleSql(database, timeout)).rejects.toThrow(`'commitcast.timeout' is reserved`)
    await expect(
      scheduleSql(database, `'remind', now(), 'commitcast.refused', 'k', '1', owner => 'process/a/1'`),
    ).rejects.toThrow('reserved')
    await scheduleSql(database, `${timeout}, owner => 'process/a/1'`)
    const append = `select commitcast.append('commitcast.timeout', 'k', '{"n":1}')`
    await expect(database.sql.query(append)).rejects.toThrow('reserved')
    expect(await fire(database)).toBe(1)
    expect(await database.sql.query('select type from commitcast.outbox')).toEqual([{ type: 'commitcast.timeout' }])
    await expect(database.sql.query(append)).rejects.toThrow('reserved')
  })
})

describe('before anything is sent', () => {
  test.each([
    ['', /name of a scheduled event is ""/],
    ['x'.repeat(501), /1 to 500 characters/],
    ['a\0b', /name of a scheduled event/],
    [7, /name of a scheduled event is 7/],
    [undefined, /name of a scheduled event is undefined/],
  ])('the name %j is refused', async (name, message) => {
    const refused = { name: name as string, at: inAnHour(), event: reminder(1) }
    const error = await schedule(unsent(), refused).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidSchedule)
    expect(error).toMatchObject({ code: 'INVALID_SCHEDULE', message: expect.stringMatching(message) })
    await expect(unschedule(unsent(), name as string)).rejects.toThrow(InvalidSchedule)
  })

  test.each([
    [new Date(Number.NaN), /"remind" is an invalid Date: give a Date/],
    ['2030-01-01T00:00:00Z', /is "2030-01-01T00:00:00Z": give a Date/],
    [Date.now(), /give a Date/],
    [undefined, /is undefined: give a Date/],
  ])('the time %s is refused', async (at, message) => {
    const refused = schedule(unsent(), { name: 'remind', at: at as Date, event: reminder(1) })
    await expect(refused).rejects.toThrow(InvalidSchedule)
    await expect(refused).rejects.toThrow(message)
  })

  test('an event that append would refuse is refused', async () => {
    const bad = { type: 'order.reminded', key: 'a', data: { n: 'one' } } as never
    await expect(schedule(unsent(), { name: 'remind', at: inAnHour(), event: bad })).rejects.toThrow(InvalidEvent)
  })

  test('what is no transaction is refused', async () => {
    await using database = await freshDatabase()
    const scheduled = { name: 'remind', at: inAnHour(), event: reminder(1) }
    await expect(schedule(database.db as never, scheduled)).rejects.toThrow(NotInTransaction)
    await expect(schedule(database.pool as never, scheduled)).rejects.toThrow(
      /schedule was called outside a transaction, where state and scheduled events could part/,
    )
    await expect(unschedule(database.db as never, 'remind')).rejects.toThrow(NotInTransaction)
    await expect(unschedule({} as never, 'remind')).rejects.toThrow(/call the SQL function "unschedule"/)
  })
})

describe('plain SQL', () => {
  test('schedules with defaults: no headers, a new id', async () => {
    await using database = await freshDatabase()
    await scheduleSql(database, `'remind', clock_timestamp(), 'order.reminded', 'a', '{"n": 1}'`)
    expect(await fire(database)).toBe(1)
    expect(await database.sql.query('select length(id::text) as id, key, headers from commitcast.outbox')).toEqual([
      { id: 36, key: 'a', headers: {} },
    ])
  })

  test.each([
    [`'', now(), 'a.b', 'k', '1'`, /name of a scheduled event is ''/],
    [`null, now(), 'a.b', 'k', '1'`, /name of a scheduled event is null/],
    [`'n', null, 'a.b', 'k', '1'`, /time of the scheduled event 'n' is null: it has to be an instant/],
    [`'n', 'infinity', 'a.b', 'k', '1'`, /is infinity: it has to be an instant/],
    [`'n', now(), 'a b', 'k', '1'`, /event type 'a b' can not be used/],
    [`'n', now(), 'a.b', '', '1'`, /has to be a text of 1 to 500 characters/],
    [`'n', now(), 'a.b', 'k', to_json(repeat('x', 800000))`, /takes 800002 bytes, at most 786432/],
  ])('schedule(%s) is refused at once', async (args, message) => {
    await using database = await freshDatabase()
    await expect(scheduleSql(database, args)).rejects.toThrow(message)
    await expect(scheduleSql(database, args)).rejects.toMatchObject({ code: '23514' })
    expect(await waiting(database)).toEqual([])
  })
})

function inTransaction<T>({ db }: Database, act: (trx: Parameters<typeof schedule>[0]) => Promise<T>): Promise<T> {
  return db.transaction().execute((trx) => act(trx as never))
}

function scheduleSql({ sql }: Database, args: string): Promise<unknown> {
  return sql.query(`select commitcast.schedule(${args})`)
}

/** A transaction that nothing may be sent in. */
function unsent() {
  return {
    query: () => Promise.reject(new Error('a statement was sent')),
    getTransactionStatus: () => 'T',
  }
}
