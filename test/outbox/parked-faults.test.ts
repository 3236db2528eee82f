import { MessageRefused } from '@commitcast/broker'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { readPages } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, roundsOf } from '../fixtures/random.ts'
import { hidingRefusals, mortal, overTopics, steps } from './mortal.ts'
import {
  append,
  eventsTopic,
  expected,
  freshApp,
  limit,
  notes,
  parked,
  type RelayUnderTest,
  readLog,
  schema,
  startRelay,
  told,
} from './parked-events.ts'

const small = (storage: MemoryStorage) => hidingRefusals(memoryBroker(storage, { maxMessageBytes: limit }))

describe.each(steps)('a relay that fails %s', (step) => {
  test.each(['once', 'for good'] as const)(
    '%s: the event is parked once, the log has no hole and no double',
    async (how) => {
      await using database = await freshDatabase({ partitions: 1 })
      const [storage, app, large]: [MemoryStorage, string, number[]] = [new Map(), freshApp(), [300, 301, 700]]
      await append(database, 1_100, large)
      const failing = mortal({ sql: database.sql, broker: small(storage) }, step, how)
      const relays = [startRelay(failing, { broker: failing.broker, app })]
      await eventually(() => expect(failing.reached).toBe(1))
      if (how === 'for good') relays.push(startRelay(database, { broker: small(storage), app }))
      const log = await readLog(await eventsTopic(small(storage), app), 1_100)
      expect(told(log)).toEqual(expected(1_100, large))
      expect((await parked(database)).map((event) => event.offset)).toEqual(large)
      expect(await notes(database)).toEqual(large)
      await Promise.all(relays.map((relay) => relay.stop()))
    },
  )
})

test('a relay that lost its lease on the way parks nothing', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
  const waits = Promise.withResolvers<void>()
  const outcomes: unknown[] = []
  let isPaused = false
  const slow: Sql = {
    async query(text, values) {
      if (isPaused && text.includes('renew_leases')) throw new Error('This relay can not renew.')
      if (!text.includes('park_refused')) return database.sql.query(text, values)
      isPaused = true
      await waits.promise
      const rows = await database.sql.query<{ outcome: string }>(text, values)
      outcomes.push(rows[0]?.outcome)
      return rows as never
    },
  }
  await append(database, 3, [2])
  const zombie = startRelay({ sql: slow }, { broker: small(storage), app })
  await eventually(() => expect(isPaused).toBe(true))
  const heir = startRelay(database, { broker: memoryBroker(storage), app })
  const log = await readLog(await eventsTopic(small(storage), app), 3)
  expect(told(log)).toEqual([1, 2, 3])
  waits.resolve()
  await eventually(() => expect(outcomes).toEqual(['lease lost']))
  expect([await parked(database), await notes(database)]).toEqual([[], []])
  await Promise.all([zombie.stop(), heir.stop()])
})

test('an event that an earlier owner stored just before it was refused here is not parked', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
  let appends = 0
  let calls = 0
  const sql: Sql = {
    query(text, values) {
      if (text.includes('park_refused')) calls++
      return database.sql.query(text, values)
    },
  }
  const broker = overTopics(memoryBroker(storage), (topic) => ({
    ...topic,
    async append(partition, after, messages) {
      await topic.append(partition, after, messages)
      if (appends++ === 0) throw MessageRefused.tooLarge(messages[0]!, limit + 1, limit)
    },
  }))
  await append(database, 3, [1])
  const { stop } = startRelay({ sql }, { broker, app })
  expect(told(await readLog(await eventsTopic(broker, app), 3))).toEqual([1, 2, 3])
  expect([calls, await parked(database)]).toEqual([0, []])
  await stop()
})

describe('the broker lost its tail', () => {
  test.each([
    ['with the placeholder', 30],
    ['behind the placeholder', 60],
  ])('%s: it is refilled with the same messages, whatever became of the parked event', async (_, kept) => {
    await using database = await freshDatabase({ partitions: 1 })
    const [storage, app, large]: [MemoryStorage, string, number[]] = [new Map(), freshApp(), [50, 51]]
    const first = startRelay(database, { broker: small(storage), app })
    await append(database, 100, large)
    const before = await readLog(await eventsTopic(small(storage), app), 100)
    await first.stop()
    await database.sql.query('delete from commitcast.parked')
    for (const log of storage.values()) log.messages.length = kept
    const second = startRelay(database, { broker: memoryBroker(storage), app })
    expect(await readLog(await eventsTopic(small(storage), app), 100)).toEqual(before)
    expect([await parked(database), await notes(database)]).toEqual([[], large])
    await second.stop()
  })
})

describe('notes and broker that differ are brought in line', () => {
  test('an event that was noted and is stored after all is parked no more', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
    const whole = memoryBroker(storage)
    await append(database, 3, [2])
    const failing = mortal({ sql: database.sql, broker: small(storage) }, 'after it was noted', 'for good')
    const first = startRelay(failing, { broker: failing.broker, app })
    await eventually(() => expect(failing.reached).toBe(1))
    expect(await notes(database)).toEqual([2])
    await database.sql.query('delete from commitcast.refused')
    const [page] = await readPages(database.sql, { schema, epoch: 1, partition: 0, after: 0 })
    await database.sql.query('insert into commitcast.refused values (1, 0, 2)')
    await (await eventsTopic(whole, app)).append(0, 1, page!.messages.slice(1))
    const second = startRelay(database, { broker: small(storage), app })
    await eventually(async () => expect([await parked(database), await notes(database)]).toEqual([[], []]))
    expect(told(await readLog(await eventsTopic(whole, app), 3))).toEqual([1, 2, 3])
    await Promise.all([first.stop(), second.stop()])
  })

  test('an event whose placeholder is stored and that a database of before knows nothing of is parked again', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
    const first = startRelay(database, { broker: small(storage), app })
    await append(database, 5, [2])
    await readLog(await eventsTopic(small(storage), app), 5)
    await first.stop()
    await database.sql.query('delete from commitcast.parked; delete from commitcast.refused')
    const second = startRelay(database, { broker: small(storage), app })
    await eventually(async () => expect((await parked(database)).map((event) => event.offset)).toEqual([2]))
    expect(await notes(database)).toEqual([2])
    await second.stop()
  })
})

test.each(roundsOf(4))(
  'relays that come and go, killed at random steps: all that was written is stored or parked, once (round %i)',
  async () => {
    const random = createRandom()
    const context = `SEED=${random.seed}`
    await using database = await freshDatabase({ partitions: 2 })
    const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
    const relays: RelayUnderTest[] = []
    for (let round = 0; round < 6; round++) {
      const large = Array.from({ length: random.int(0, 8) }, () => random.int(1, 400))
      await append(database, 400, large, `'k' || n % 7`)
      const failing = mortal(
        { sql: database.sql, broker: small(storage) },
        random.pick(steps),
        random.pick(['once', 'for good']),
      )
      relays.push(startRelay(failing, { broker: failing.broker, app, maxPage: random.int(20, 600) }))
      if (random.chance(0.4)) await eventually(() => expect(failing.reached).toBe(1), 1_500).catch(() => {})
      if (random.chance(0.5)) await relays[random.int(0, relays.length - 1)]!.stop()
    }
    relays.push(startRelay(database, { broker: small(storage), app }))
    const rows = await database.sql.query<{ id: string; partition: number; size: number }>(
      'select id::text, partition, octet_length(data::text) as size from commitcast.outbox order by position',
    )
    const refused: string[] = []
    for (const partition of [0, 1]) {
      const own = rows.filter((row) => row.partition === partition)
      const log = await readLog(await eventsTopic(small(storage), app, 2), own.length, partition)
      expect(
        log.map((message) => message.id),
        context,
      ).toEqual(own.map((row) => row.id))
      for (const [index, what] of told(log).entries()) if (what === 'placeholder') refused.push(log[index]!.id)
    }
    expect(refused.sort(), context).toEqual(
      rows
        .filter((row) => row.size > limit)
        .map((row) => row.id)
        .sort(),
    )
    expect((await parked(database)).map((event) => event.eventId).sort(), context).toEqual(refused)
    await Promise.all(relays.map((relay) => relay.stop()))
  },
)
