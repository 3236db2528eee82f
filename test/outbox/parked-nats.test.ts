import { natsBroker } from '@commitcast/broker/nats'
import { retryParked } from '@commitcast/outbox'
import { connect, type JetStreamManager } from 'nats'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import {
  append,
  eventsTopic,
  expected,
  freshApp,
  limit,
  parked,
  readLog,
  schema,
  startRelay,
  told,
} from './parked-events.ts'

/** The stream refuses amid a chunk without a word: those behind it are told of a conflict. */
describe.skipIf(!inject('natsUrl'))('a stream whose max_msg_size an operator changes under a running relay', () => {
  test('what it refuses is parked, and comes when the limit was raised and it is retried', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    await using streams = await streamsOf(inject('natsUrl'))
    const [broker, app] = [natsBroker({ servers: inject('natsUrl') }), freshApp()]
    const topic = await eventsTopic(broker, app)
    const large = [1, 700, 701, 702, 1_100, 1_500]
    const { relay, stop } = startRelay(database, { broker, app })
    await eventually(() => expect(relay.health()).toMatchObject({ ready: true, partitions: [0] }))
    await streams.limit(app, limit)
    await append(database, 1_500, large)
    expect(told(await readLog(topic, 1_500))).toEqual(expected(1_500, large))
    expect((await parked(database)).map((event) => event.offset)).toEqual(large)
    await eventually(() => expect(relay.health()).toMatchObject({ ready: true }))

    await streams.limit(app, -1)
    const events = await parked(database)
    expect(await retryParked(database.sql, { schema, ids: 'all' })).toEqual(events)
    const log = await readLog(topic, 1_506)
    expect(told(log)).toEqual([...expected(1_500, large), ...large])
    expect(log.slice(1_500).map((message) => message.id)).toEqual(events.map((event) => event.eventId))
    expect(await parked(database)).toEqual([])
    await stop()
    await broker.close()
  })
})

async function streamsOf(servers: string) {
  const nc = await connect({ servers })
  const { streams }: JetStreamManager = await nc.jetstreamManager()
  return {
    async limit(app: string, bytes: number) {
      await streams.update(`${app}-events-1_0`, { max_msg_size: bytes })
    },
    async [Symbol.asyncDispose]() {
      await nc.close()
    },
  }
}
