import type { Broker } from '@commitcast/broker'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { retryParked } from '@commitcast/outbox'
import { type Server, startNats } from '@commitcast/servers'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import {
  append,
  eventsTopic,
  expected,
  freshApp,
  limit,
  listeningLogger,
  notes,
  parked,
  readLog,
  schema,
  startRelay,
  told,
} from './parked-events.ts'

const brokers = ['memory', 'nats'].filter((name) => name !== 'nats' || inject('natsUrl'))

describe.each(brokers)('an event that is too large for %s', (name) => {
  let server: Server | undefined
  beforeAll(async () => {
    if (name === 'nats') server = await startNats({ config: `max_payload: ${limit}` })
  })
  afterAll(() => server?.stop())
  const open = (): Broker =>
    server ? natsBroker({ servers: server.url }) : memoryBroker(new Map(), { maxMessageBytes: limit })

  test.each([
    ['amid a chunk', 1_500, [700]],
    ['at the start', 1_200, [1]],
    ['at the end', 600, [600]],
    ['in a row, and all over', 1_300, [1, 2, 3, 500, 501, 502, 503, 1_002, 1_300]],
    ['alone', 1, [1]],
  ] as const)('%s: it is parked, and all others are stored once, in order', async (_, count, large) => {
    await using database = await freshDatabase({ partitions: 1 })
    const [broker, app] = [open(), freshApp()]
    const { relay, stop } = startRelay(database, { broker, app })
    await append(database, count, large)
    const log = await readLog(await eventsTopic(broker, app), count)
    expect(told(log)).toEqual(expected(count, large))
    const written = await database.sql.query<{ id: string }>('select id::text from commitcast.outbox order by position')
    expect(log.map((message) => message.id)).toEqual(written.map((row) => row.id))
    expect(await notes(database)).toEqual(large)
    const kept = await parked(database)
    expect(kept.map((event) => event.offset)).toEqual(large)
    expect(kept[0]).toMatchObject({
      group: 'relay',
      epoch: 1,
      partition: 0,
      eventId: written[large[0] - 1]!.id,
      type: 'thing.made',
      key: 'k',
      reason: expect.stringMatching(`takes \\d+ bytes on the wire; this broker takes at most ${limit}`),
    })
    await eventually(() => expect(relay.health()).toMatchObject({ ready: true, partitions: [0] }))
    await stop()
    await broker.close()
  })
})

describe('what an operator does about it', () => {
  test('retried when the limit was raised, it comes with the same id and content at a new offset', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
    const small = memoryBroker(storage, { maxMessageBytes: limit })
    const first = startRelay(database, { broker: small, app })
    await append(database, 5, [2])
    await readLog(await eventsTopic(small, app), 5)
    await first.stop()
    const large = memoryBroker(storage)
    const second = startRelay(database, { broker: large, app })
    const [event] = await parked(database)
    expect(await retryParked(database.sql, { schema, ids: [event!.id] })).toEqual([event])
    const log = await readLog(await eventsTopic(large, app), 6)
    expect(told(log)).toEqual([1, 'placeholder', 3, 4, 5, 2])
    expect(log[5]).toMatchObject({ id: event!.eventId, key: 'k', type: 'thing.made', headers: { actor: 'ada' } })
    expect(log[1]?.id).toBe(event!.eventId)
    expect([await parked(database), await notes(database)]).toEqual([[], [2]])
    await second.stop()
  })

  test('retried too early, it is parked again, at its new offset', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const [broker, app] = [memoryBroker(new Map(), { maxMessageBytes: limit }), freshApp()]
    const { stop } = startRelay(database, { broker, app })
    await append(database, 2, [1])
    await readLog(await eventsTopic(broker, app), 2)
    await retryParked(database.sql, { schema, ids: 'all' })
    expect(told(await readLog(await eventsTopic(broker, app), 3))).toEqual(['placeholder', 2, 'placeholder'])
    expect((await parked(database)).map((event) => event.offset)).toEqual([3])
    await stop()
  })
})

describe('the broker’s limit', () => {
  test('where it can not hold what the outbox takes, the relay says so at start, with both figures and the mend', async () => {
    await using database = await freshDatabase({ partitions: 1, maxEventBytes: 50_000 })
    const { logger, words } = listeningLogger()
    const low = startRelay(database, { broker: memoryBroker(new Map(), { maxMessageBytes: limit }), app: 'a', logger })
    await eventually(() =>
      expect(words).toContainEqual(expect.stringMatching(/up to 50000 bytes.* up to 4096: .*parked.* limit to 115536/)),
    )
    await low.stop()
    words.length = 0
    const high = startRelay(database, {
      broker: memoryBroker(new Map(), { maxMessageBytes: 115_536 }),
      app: 'a',
      logger,
    })
    await eventually(() => expect(high.relay.health()).toMatchObject({ ready: true }))
    await high.stop()
    expect(words).toEqual([])
  })

  test('so low that even a placeholder is refused: the partition stands still and says why; nothing is parked twice', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const [storage, app]: [MemoryStorage, string] = [new Map(), freshApp()]
    const broker = memoryBroker(storage, { maxMessageBytes: 50 })
    const { relay, stop } = startRelay(database, { broker, app })
    await append(database, 3)
    await eventually(() =>
      expect(relay.health()).toMatchObject({
        ready: false,
        troubles: {
          0: expect.stringMatching(/^The broker refuses even the placeholder at offset 1: .*Raise .*16 KiB/),
        },
      }),
    )
    expect((await parked(database)).map((event) => event.offset)).toEqual([1])
    await stop()
    const mended = startRelay(database, { broker: memoryBroker(storage), app })
    expect(told(await readLog(await eventsTopic(memoryBroker(storage), app), 3))).toEqual(['placeholder', 2, 3])
    await mended.stop()
  })
})
