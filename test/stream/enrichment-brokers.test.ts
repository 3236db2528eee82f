import type { Broker, Message } from '@commitcast/broker'
import { logName, type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { channelsOf, decodeLiveEvent } from '@commitcast/events'
import { createDatabase } from '@commitcast/servers'
import { surviveErrors } from 'commitcast/postgres'
import { connect } from 'nats'
import pg from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { openNats } from '../broker/open-nats.ts'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom } from '../fixtures/random.ts'
import { readLog } from '../fixtures/read-log.ts'
import { startRelayed } from '../fixtures/relayed.ts'
import { enricherOf, named, openEnrichment, toAll } from './open-enrichment.ts'

type Place = { readonly topic: { readonly name: string }; readonly partition: number }

/** A broker, and what happens to its logs behind its back. */
interface Damaged {
  readonly broker: Broker
  /** Takes the newest messages of a log away, so that it ends at `offset`, as if they had never been stored. */
  loseAfter(place: Place, offset: number): Promise<void>
  /** Takes the oldest messages, up to `offset`. */
  trim(place: Place, offset: number): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const brokers: Record<string, () => Promise<Damaged>> = {
  async memory() {
    const storage: MemoryStorage = new Map()
    const broker = memoryBroker(storage)
    const log = ({ topic, partition }: Place) => storage.get(logName({ ...topic, epoch: 1, partitions: 1 }, partition))!
    return {
      broker,
      async loseAfter(place, offset) {
        log(place).messages.length = offset - log(place).forgotten
      },
      async trim(place, offset) {
        log(place).messages.splice(0, offset - log(place).forgotten)
        log(place).forgotten = offset
      },
      [Symbol.asyncDispose]: () => broker.close(),
    }
  },
  async nats() {
    const servers = inject('natsUrl')
    const broker = natsBroker({ servers })
    const nc = await connect({ servers })
    const { streams } = await nc.jetstreamManager()
    const nameOf = ({ topic, partition }: Place) => `${topic.name}-1_${partition}`
    return {
      broker,
      async loseAfter(place, offset) {
        const topic = await broker.topic({ name: place.topic.name, epoch: 1, partitions: 1 })
        const kept = (await readLog(topic, place.partition)).slice(0, offset)
        await streams.delete(nameOf(place))
        const again = await broker.topic({ name: place.topic.name, epoch: 1, partitions: 1 })
        await again.append(place.partition, 0, kept).catch(() => {})
      },
      async trim(place, offset) {
        await streams.purge(nameOf(place), { seq: offset + 1 })
      },
      async [Symbol.asyncDispose]() {
        await nc.close()
        await broker.close()
      },
    }
  },
  async postgres() {
    const database = await createDatabase(inject('postgresUrl'))
    const broker = postgresBroker({ connectionString: database.url })
    const pool = surviveErrors(new pg.Pool({ connectionString: database.url }))
    const remove = async (which: string, { topic, partition }: Place, offset: number) => {
      const where = `topic = $1 and partition = $2 and "offset" ${which} $3`
      await pool.query(`delete from commitcast_broker.message where ${where}`, [topic.name, partition, offset])
    }
    return {
      broker,
      loseAfter: (place, offset) => remove('>', place, offset),
      trim: (place, offset) => remove('<=', place, offset),
      async [Symbol.asyncDispose]() {
        await pool.end()
        await broker.close()
        await database[Symbol.asyncDispose]()
      },
    }
  },
}

const enrichment = { enrichers: { customer: enricherOf(named) }, channels: toAll }
const customers = (count: number) => Array.from({ length: count }, (_, n) => ({ data: { customer: n } }))

describe.skipIf(!inject('natsUrl')).each(Object.keys(brokers))('on %s', (name) => {
  test('what the broker loses of the live topic is made again at the same offsets, also where nobody writes', async () => {
    await using damaged = await brokers[name]!()
    await using shop = await openEnrichment(damaged)
    const given = await shop.give(customers(30))
    const worker = shop.start({ enrichment, tailCheckMs: 50 })
    const before = await shop.enriched(30)
    for (const left of [20, 0]) {
      await damaged.loseAfter({ topic: shop.live, partition: 0 }, left)
      expect(await shop.enriched(30)).toEqual(before)
      await eventually(() => expect(worker.health().ready).toBe(true))
    }
    await shop.give(customers(1))
    expect((await shop.enriched(31)).slice(0, 30).map(({ id }) => id)).toEqual(given.map(({ id }) => id))
  })

  test('what the broker no longer keeps of the events is enriched from the outbox', async () => {
    await using damaged = await brokers[name]!()
    await using shop = await openEnrichment(damaged)
    const { sql, url, broker, app } = shop
    await using relayed = await startRelayed({ sql, url, broker, app, partitions: 1 })
    const append = (customer: number) =>
      sql.query(`select commitcast.append('order.placed', 'k', $1)`, [JSON.stringify({ customer })])
    for (let n = 0; n < 20; n++) await append(n)
    await relayed.hasCarriedAll()
    await damaged.trim({ topic: shop.events, partition: 0 }, 15)
    shop.start({ enrichment })
    await shop.enriched(20)
    await append(20)
    const told = await shop.told(21)
    expect(told.map((event) => event.data)).toEqual(Array.from({ length: 21 }, (_, customer) => ({ customer })))
    expect(told.every((event) => event.metadata.customer !== undefined)).toBe(true)
  })

  test('workers come and go, look-ups and appends fail: each event has one live message, at its own offset', async () => {
    const random = createRandom()
    await using damaged = await brokers[name]!()
    let isFlaky = true
    const fails = () => isFlaky && random.chance(0.1)
    const broker = flaky(damaged.broker, { fails, isStored: () => random.chance(0.5) })
    await using shop = await openEnrichment({ broker, partitions: 2 })
    const load = async (ids: readonly unknown[]) => {
      if (fails()) throw Object.assign(new Error('away'), { code: 'ECONNRESET' })
      return named(ids)
    }
    const start = () =>
      shop.start({
        enrichment: { enrichers: { customer: enricherOf(load) }, channels: ({ key }) => (key === 'k' ? ['all'] : []) },
        maxBatch: random.int(1, 40),
      })
    const given: Message[][] = [[], []]
    const workers = [start(), start()]
    for (let round = 0; round < 12; round++) {
      const partition = random.int(0, 1)
      const some = Array.from({ length: random.int(1, 60) }, (_, n) => ({
        data: { customer: n },
        key: random.pick(['k', 'quiet']),
      }))
      given[partition]!.push(...(await shop.give(some, partition)))
      if (random.chance(0.4)) await workers.shift()!.stop()
      if (workers.length < 2) workers.push(start())
    }
    isFlaky = false
    for (const [partition, messages] of given.entries()) {
      const live = await shop.enriched(messages.length, partition)
      const told = live.map(({ offset, id, key }) => ({ offset, id, key }))
      expect(told, `SEED=${random.seed}`).toEqual(messages.map(({ offset, id, key }) => ({ offset, id, key })))
      for (const message of live) {
        if (message.key !== 'k') expect(channelsOf(message)).toEqual([])
        else
          expect(decodeLiveEvent(message, { epoch: 1, partition })).toMatchObject({
            metadata: { customer: expect.stringMatching(/^name of/) },
          })
      }
    }
  })
})

test('a live message that is too large goes out without metadata, flagged; with channels that are too long as a filler', async () => {
  await using shop = await openEnrichment({ broker: memoryBroker(new Map(), { maxMessageBytes: 20_000 }) })
  await expectReduced(shop, 30_000)
})

test.skipIf(!inject('natsUrl')).each([
  ['max_payload', { config: 'max_payload: 20000' }],
  ['max_msg_size', {}],
])('so it does on NATS, by its %s', async (setting, options) => {
  await using nats = await openNats(options)
  await using shop = await openEnrichment(nats)
  if (setting === 'max_msg_size') await nats.streams.update(`${shop.live.name}-1_0`, { max_msg_size: 20_000 })
  await expectReduced(shop, 30_000)
})

test.skipIf(!inject('natsUrl'))('channels beyond the 64 kB of headers that NATS takes make a filler', async () => {
  await using nats = await openNats()
  await using shop = await openEnrichment(nats)
  await expectReduced(shop, 1_100_000, 70_000)
})

type Shop = Awaited<ReturnType<typeof openEnrichment>>

/** Among 60 events every tenth has too much metadata, and one has too much of all. */
async function expectReduced(shop: Shop, tooLarge: number, channelLength = tooLarge) {
  const rows = async (ids: readonly unknown[]) =>
    new Map(ids.map((id) => [id, id === 'large' ? 'x'.repeat(tooLarge) : 'small']))
  const given = Array.from({ length: 60 }, (_, n) => ({
    data: { customer: n % 10 === 3 ? 'large' : 'small', n },
    key: n === 33 || n === 40 ? 'loud' : 'k',
  }))
  await shop.give(given)
  const worker = shop.start({
    enrichment: {
      enrichers: { customer: enricherOf(rows), other: enricherOf(named, 'n') },
      channels: ({ key }) => [key === 'loud' ? 'x'.repeat(channelLength) : 'all'],
    },
  })
  const live = await shop.enriched(60)
  for (const [n, message] of live.entries()) {
    const { data, key } = given[n]!
    if (key === 'loud') {
      expect(message).toMatchObject({ body: '{}', headers: {} })
      continue
    }
    const isReduced = data.customer === 'large'
    expect(decodeLiveEvent(message, { epoch: 1, partition: 0 })).toMatchObject({
      data,
      metadata: isReduced ? {} : { customer: 'small', other: `name of ${n}` },
      ...(isReduced && { failed: ['customer', 'other'] }),
    })
  }
  expect(worker.health()).toMatchObject({ ready: true, failedLookUps: 0, withoutMetadata: 5, untold: 2 })
}

/** Now and then an append to the live topic fails, before or after it was stored. */
function flaky(
  broker: Broker,
  { fails, isStored }: { readonly fails: () => boolean; readonly isStored: () => boolean },
): Broker {
  return {
    ...broker,
    async topic(options) {
      const topic = await broker.topic(options)
      if (!options.name.endsWith('-live')) return topic
      return {
        ...topic,
        async append(partition, after, messages) {
          const isLost = fails()
          if (!isLost || isStored()) await topic.append(partition, after, messages)
          if (isLost) throw Object.assign(new Error('no answer'), { code: 'BROKER_UNAVAILABLE', retryable: true })
        },
      }
    },
  }
}
