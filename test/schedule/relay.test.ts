import { memoryBroker } from '@commitcast/broker/memory'
import { migrate, newEpoch, retryScheduled } from '@commitcast/outbox'
import { type Logger, type Sql, silentLogger } from '@commitcast/worker'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { startRelayProcess } from '../fixtures/relay-process.ts'
import { appended, openTransaction, reminder, schedule, startRelay, waiting } from './scheduled.ts'

const pastTime = new Date(0)

describe.each(['with', 'without'])('a relay %s LISTEN', (mode) => {
  test('appends each event after its time by the database, and within about a second of it', async () => {
    await using database = await freshDatabase()
    await using relay = startRelay(database, mode === 'with' ? { listenTo: database.url } : {})
    await scheduleMany(database, 40, `clock_timestamp() + n * interval '100 ms'`)
    await hasAppended(database, 40)
    const { least, median } = await lateness(database)
    expect(least).toBeGreaterThan(0)
    expect(median).toBeLessThan(1_000)
    expect(relay.health()).toMatchObject({ ready: true, schedule: { lateMs: expect.any(Number) } })
  })
})

describe('with LISTEN', () => {
  test('a relay that sleeps is woken for what is due soon', async () => {
    await using database = await freshDatabase()
    await using _relay = startRelay(database, { listenTo: database.url, pollMs: 600_000 })
    await isAsleep(database)
    await scheduleMany(database, 1, `clock_timestamp() - interval '1 hour'`)
    await hasAppended(database, 1)
    await scheduleMany(database, 1, `clock_timestamp() + interval '1 second'`)
    await hasAppended(database, 2)
  })

  test('a writer notifies only of what is due soon, and only while a relay sleeps', async () => {
    await using database = await freshDatabase()
    await using client = await listening(database)
    await scheduleMany(database, 1, 'clock_timestamp()')
    expect(await client.heard()).toEqual([])
    await database.sql.query(`insert into commitcast.sleeping_relay values ('relay')`)
    await scheduleMany(database, 1, `clock_timestamp() + interval '1 minute'`)
    expect(await client.heard()).toEqual([])
    await scheduleMany(database, 1, `clock_timestamp() + interval '1 second'`)
    expect(await client.heard()).toEqual(['scheduled soon'])
  })
})

test('what a transaction scheduled long before it commits is appended soon after the commit', async () => {
  await using database = await freshDatabase()
  await using relay = startRelay(database)
  await using writer = await openTransaction(database)
  await schedule(writer.client, { name: 'late', at: pastTime, event: reminder(2) })
  await scheduleMany(database, 1, `clock_timestamp() + interval '1 second'`)
  await hasAppended(database, 1)
  await writer.client.query('commit')
  await hasAppended(database, 2)
  expect(relay.health().ready).toBe(true)
})

test('the time is that of the database, whatever the clock of the process says', async () => {
  await using database = await freshDatabase()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_000 })
  try {
    await using _relay = startRelay(database)
    await scheduleMany(database, 3, `clock_timestamp() + n * interval '500 ms'`)
    await hasAppended(database, 3)
    const { least, median } = await lateness(database)
    expect(least).toBeGreaterThan(0)
    expect(median).toBeLessThan(1_000)
  } finally {
    vi.useRealTimers()
  }
})

test('an event that an open transaction is about to cancel holds up no other', async () => {
  await using database = await freshDatabase()
  await scheduleMany(database, 3, `clock_timestamp() + n * interval '1 ms'`)
  await using writer = await openTransaction(database)
  await writer.client.query(`select commitcast.unschedule('n1')`)
  await using relay = startRelay(database)
  await hasAppended(database, 2)
  expect(await appended(database)).toEqual([2, 3])
  await eventually(() =>
    expect(relay.health()).toMatchObject({ ready: true, schedule: { overdueMs: expect.any(Number) } }),
  )
  await writer.client.query('rollback')
  await hasAppended(database, 3)
  await eventually(() => expect(relay.health().schedule).not.toHaveProperty('overdueMs'))
})

test('more than a batch, of one time and of many, fires in order, each event once', async () => {
  await using database = await freshDatabase()
  await scheduleMany(database, 3_500, `clock_timestamp() - interval '1 hour'`)
  await database.sql.query(`update commitcast.scheduled_event set at = '2026-01-01Z'`)
  await using _relay = startRelay(database)
  await hasAppended(database, 3_500)
  expect(await appended(database)).toEqual(Array.from({ length: 3_500 }, (_, index) => index + 1))
})

test('a batch is bounded in bytes', async () => {
  await using database = await freshDatabase()
  await scheduleMany(database, 10, 'clock_timestamp()', `json_build_object('n', n, 'pad', repeat('x', 700000))`)
  const fired: number[] = []
  await using _relay = startRelay({ sql: watched(database.sql, (row) => fired.push(row.fired)) })
  await hasAppended(database, 10)
  expect(fired.filter((count) => count > 0)).toEqual([3, 3, 3, 1])
  expect(await appended(database)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

describe('an event that the outbox refuses', () => {
  test('is set aside with the reason, logged, holds up no other, and fires when it is tried again', async () => {
    await using database = await freshDatabase()
    await scheduleMany(
      database,
      120,
      'clock_timestamp()',
      `json_build_object('n', n, 'pad', repeat('x', case n % 40 when 7 then 3000 else 1 end))`,
    )
    await migrate(database.sql, { maxEventBytes: 2_000 })
    const { logger, lines } = listeningLogger()
    await using _relay = startRelay(database, { logger })
    await hasAppended(database, 117)
    expect(await waiting(database)).toEqual(['n7 7', 'n47 47', 'n87 87'])
    expect(lines.map(({ name }) => name)).toEqual(['n7', 'n47', 'n87'])
    expect(lines[0]).toEqual({
      code: 'SCHEDULED_EVENT_REFUSED',
      owner: '',
      name: 'n7',
      type: 'order.reminded',
      reason: expect.stringMatching(/The data of 'order.reminded' takes 30\d\d bytes, at most 2000 are taken/),
    })
    await migrate(database.sql, { maxEventBytes: 5_000 })
    expect(await retryScheduled(database.sql, { schema: 'commitcast', name: 'n47' })).toBe(true)
    await hasAppended(database, 118)
    expect((await appended(database)).at(-1)).toBe(47)
    expect(await retryScheduled(database.sql, { schema: 'commitcast', name: 'n47' })).toBe(false)
  })

  test('is replaced like any other', async () => {
    await using database = await freshDatabase()
    await database.sql.query(`insert into commitcast.scheduled_event (name, at, id, type, key, data, bytes)
      values ('remind', now(), gen_random_uuid(), 'bad type', 'k', '{"n":1}', 1)`)
    await using _relay = startRelay(database)
    await eventually(async () =>
      expect(await database.sql.query('select from commitcast.scheduled_event where refused is not null')).toHaveLength(
        1,
      ),
    )
    await database.db
      .transaction()
      .execute((trx) => schedule(trx, { name: 'remind', at: pastTime, event: reminder(2) }))
    await hasAppended(database, 1)
  })
})

test('a look that fails does not stop the relay, and is tried again', async () => {
  await using database = await freshDatabase()
  const { logger, lines } = listeningLogger()
  let isBroken = true
  const sql: Sql = {
    query: (text, values) =>
      isBroken && text.includes('fire_due')
        ? Promise.reject(Object.assign(new Error('permission denied'), { code: '42501' }))
        : database.sql.query(text, values),
  }
  const broker = memoryBroker()
  await using relay = startRelay({ sql }, { logger, broker })
  await scheduleMany(database, 1, 'clock_timestamp()')
  await database.sql.query(`select commitcast.append('a.b', 'k', '{"n":0}')`)
  await eventually(() => expect(lines.map(({ code }) => code)).toEqual(['SCHEDULE_WAITS']))
  await eventually(() => expect(relay.health().ready).toBe(true))
  isBroken = false
  await hasAppended(database, 2)
})

test('two relays append each event once, in its order', async () => {
  await using database = await freshDatabase()
  const broker = memoryBroker()
  await using _one = startRelay(database, { broker, listenTo: database.url })
  await using _other = startRelay(database, { broker })
  await scheduleMany(database, 3_000, `date_trunc('second', clock_timestamp()) + (1 + n / 1000) * interval '1 second'`)
  await hasAppended(database, 3_000)
  expect(await appended(database)).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1))
})

test('relays that are killed while they fire append each event once, in its order', async () => {
  await using database = await freshDatabase()
  await scheduleMany(database, 8_000, `clock_timestamp() - interval '1 hour' + n * interval '1 ms'`)
  await database.sql.query(`update commitcast.scheduled_event set at = at - interval '1 hour'`)
  let kills = 0
  while ((await waiting(database)).length > 0) {
    await using relay = startRelayProcess({ url: database.url, app: 'shop' })
    const before = (await appended(database)).length
    await eventually(async () => expect((await appended(database)).length).toBeGreaterThan(before))
    await relay.kill()
    kills++
  }
  expect(kills).toBeGreaterThan(1)
  expect(await appended(database)).toEqual(Array.from({ length: 8_000 }, (_, index) => index + 1))
})

test('a new epoch leaves what is scheduled, and nothing fires twice', async () => {
  await using database = await freshDatabase()
  const broker = memoryBroker()
  await using _relay = startRelay(database, { broker })
  await scheduleMany(database, 2, `clock_timestamp() + (n - 1) * interval '3 seconds'`)
  await hasAppended(database, 1)
  await newEpoch(database.sql, { schema: 'commitcast', from: 1 })
  expect(await waiting(database)).toEqual(['n2 2'])
  await hasAppended(database, 2)
})

/** Schedules `n1`, `n2`, … in this order, in one transaction. `at` is SQL over `n`. */
async function scheduleMany(
  { sql }: { readonly sql: Sql },
  count: number,
  at: string,
  data = `json_build_object('n', n, 'due', ${at})`,
): Promise<void> {
  await sql.query(
    `select commitcast.schedule('n' || n, ${at}, 'order.reminded', 'k', ${data}) from generate_series(1, ${count}) as n`,
  )
}

function hasAppended(database: { readonly sql: Sql }, count: number): Promise<void> {
  return eventually(async () => expect((await appended(database)).length).toBe(count))
}

/** How long after their times events were appended, in ms. */
async function lateness({ sql }: { readonly sql: Sql }): Promise<{ least: number; median: number }> {
  const [row] = await sql.query<{ least: number; median: number }>(
    `select min(late)::float8 as least, percentile_cont(0.5) within group (order by late) as median
     from (select extract(epoch from occurred_at - (data->>'due')::timestamptz) * 1000 as late from commitcast.outbox) as event`,
  )
  return row!
}

function isAsleep({ sql }: { readonly sql: Sql }): Promise<void> {
  return eventually(async () => expect(await sql.query('select from commitcast.sleeping_relay')).toHaveLength(1))
}

/** The payloads of notifications since it was last asked. */
async function listening({ url }: { readonly url: string }) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const payloads: string[] = []
  client.on('notification', ({ payload = '' }) => payloads.push(payload))
  await client.query('listen commitcast')
  return {
    async heard() {
      // They come in the order of the commits, so this one is the last.
      await client.query(`notify commitcast, 'end'`)
      await eventually(() => expect(payloads).toContain('end'))
      return payloads.splice(0).slice(0, -1)
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

function watched(sql: Sql, onFired: (row: { fired: number }) => void): Sql {
  return {
    async query(text, values) {
      const rows = await sql.query(text, values)
      if (text.includes('fire_due')) onFired(rows[0] as { fired: number })
      return rows as never
    },
  }
}

function listeningLogger() {
  const lines: Record<string, unknown>[] = []
  const warn = (about: object) => void lines.push({ ...about })
  return { lines, logger: Object.create(silentLogger, { warn: { value: warn } }) as Logger }
}
