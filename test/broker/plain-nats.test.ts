import { readFileSync } from 'node:fs'
import { BrokerUnavailable, type Topic } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { startNats, unlessLeftOut } from '@commitcast/servers'
import { createCommitcast, defineEvents } from 'commitcast'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import {
  type DeliveredEvent,
  makeConsumers,
  makeSourcingStream,
  readDeliveries,
} from '../snippets/read-with-plain-nats.ts'

const config = readFileSync(new URL('../snippets/nats-permissions.conf', import.meta.url), 'utf8')
const partitions = 3
const streams = Array.from({ length: partitions }, (_, partition) => `shop-events-1_${partition}`)
const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string() }) },
  'order.delivered': { data: z.object({ customerId: z.string(), n: z.number() }) },
})

const started = await unlessLeftOut('THE TESTS OF PLAIN NATS READERS', startNats({ config }))

describe.skipIf(!started)('with the permissions of the guide', () => {
  const server = started!
  const addressOf = (user: string) => server.url.replace('nats://', `nats://${user}:${user}-secret@`)
  const connected: NatsConnection[] = []
  const connectAs = async (user: string, inboxPrefix = '_INBOX') => {
    const nc = await connect({ servers: new URL(server.url).host, user, pass: `${user}-secret`, inboxPrefix })
    connected.push(nc)
    return nc
  }
  const brokers = new Map(['relay', 'stream', 'api'].map((user) => [user, natsBroker({ servers: addressOf(user) })]))
  const stopping = new AbortController()
  let pipeline: Awaited<ReturnType<typeof openShop>>
  let operator: NatsConnection
  let mailer: NatsConnection

  /** Relay and stream worker, each as its own user. */
  const openShop = async () => {
    const database = await freshDatabase({ partitions })
    const castOf = (user: string) =>
      createCommitcast({ app: 'shop', events, db: database.db, broker: brokers.get(user)!, listenTo: database.url })
    const [relay, stream] = [castOf('relay'), castOf('stream')]
    const live = stream.live({ channels: (event) => [`customer:${event.data.customerId}`] })
    const running = [
      relay.run({ roles: ['relay'], signal: stopping.signal }),
      stream.run({ roles: ['stream'], use: [live], signal: stopping.signal }),
    ]
    return { database, append: relay.append, running }
  }

  beforeAll(async () => {
    pipeline = await openShop()
    operator = await connectAs('operator')
    mailer = await connectAs('mailer', '_INBOX_mailer')
    await eventually(async () => {
      const jsm = await operator.jetstreamManager()
      for (const stream of streams) await jsm.streams.info(stream)
    })
    await makeConsumers(operator, { epoch: 1, partitions })
  })
  afterAll(async () => {
    stopping.abort()
    await Promise.all(pipeline?.running ?? [])
    await Promise.all([...connected, ...brokers.values()].map((each) => each.close()))
    await pipeline?.database[Symbol.asyncDispose]()
    await server.stop()
  })

  let rounds = 0
  /** Places and delivers every order so many times; returns the ids of all deliveries so far. */
  const deliver = async (times: number): Promise<string[]> => {
    for (const end = rounds + times; rounds < end; rounds++) {
      await pipeline.database.db.transaction().execute(async (trx) => {
        for (const key of keys) {
          const data = { customerId: `customer of ${key}`, n: rounds }
          await pipeline.append(trx, { type: 'order.placed', key, data })
          await pipeline.append(trx, { type: 'order.delivered', key, data })
        }
      })
    }
    const rows = await pipeline.database.sql.query<{ id: string }>(
      `select id from commitcast.outbox where type = 'order.delivered' order by position`,
    )
    return rows.map(({ id }) => id)
  }

  /** Reads a stream of each partition, or one of all, until as many deliveries came as are expected. */
  const readUntil = async (
    count: number,
    streams: readonly string[],
    onEvent: (event: DeliveredEvent) => void = () => {},
  ): Promise<DeliveredEvent[]> => {
    const seen: DeliveredEvent[] = []
    const reading = new AbortController()
    const read = async (event: DeliveredEvent) => {
      onEvent(event)
      seen.push(event)
    }
    const readers = streams.map((stream) => readDeliveries(mailer, stream, { signal: reading.signal, onEvent: read }))
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(count))
    reading.abort()
    await Promise.all(readers)
    return seen
  }

  test('one durable for each partition gets each event of its type once, in the order of its key', async () => {
    const delivered = await deliver(40)
    await expectDeliveries(await readUntil(delivered.length, streams), delivered)
  })

  test('an event that a reader failed at comes again, before the next one of its partition', async () => {
    const count = 3 * keys.length
    const delivered = (await deliver(3)).slice(-count)
    const failures = new Set<number>()
    const seen = await readUntil(count, streams, ({ id, partition }) => {
      if (failures.has(partition)) return
      failures.add(partition)
      throw new Error(`the mail server is away: ${id}`)
    })
    expect(failures.size).toBe(partitions)
    await expectDeliveries(seen, delivered)
  })

  test('a stream that sources from all partitions has each event of a type once, from nats-server 2.10.14 on', async () => {
    const delivered = await deliver(2)
    await makeSourcingStream(operator, { epoch: 1, partitions })
    const jsm = await operator.jetstreamManager()
    const state = async () => (await jsm.streams.info('shop-deliveries')).state.messages
    if (!isAtLeast(operator.info!.version, [2, 10, 14])) {
      // It applies the check of the writers' fence to its own sequence, and refuses nearly everything.
      await eventually(async () => {
        const { sources = [] } = await jsm.streams.info('shop-deliveries')
        expect(sources.map(({ lag }) => lag > 0)).toEqual([true, true, true])
      })
      expect(await state()).toBeLessThanOrEqual(1)
      return
    }
    await eventually(async () => expect(await state()).toBe(delivered.length))
    await expectDeliveries(await readUntil(delivered.length, ['shop-deliveries']), delivered)
  })

  test('nobody but the relay may publish events, and nobody but an operator may change a stream', async () => {
    await eventually(async () => expect(sumOf(await lasts('api'))).toBe(await countWritten()))
    const before = await lasts('api')
    const jetstream = (await connectAs('mailer', '_INBOX_mailer')).jetstream({ timeout: 1_000 })
    await expect(jetstream.publish('shop-events.1.0.order.delivered', '{}')).rejects.toThrow(refused)
    for (const nc of [operator, await connectAs('api'), await connectAs('stream')]) {
      await expect(nc.request('shop-events.1.0.order.delivered', '{}', { timeout: 1_000 })).rejects.toThrow(refused)
    }
    const request = (nc: NatsConnection, subject: string, body = '{}') =>
      expect(nc.request(`$JS.API.${subject}`, body, { timeout: 1_000 }), subject).rejects.toThrow(refused)
    for (const nc of [mailer, await connectAs('relay'), await connectAs('api')]) {
      await request(nc, 'STREAM.PURGE.shop-events-1_0')
      await request(nc, 'STREAM.DELETE.shop-events-1_0')
      await request(nc, 'STREAM.UPDATE.shop-events-1_0')
      await request(nc, 'STREAM.MSG.DELETE.shop-events-1_0', '{"seq":1}')
    }
    await request(mailer, 'STREAM.CREATE.other')
    await request(mailer, 'CONSUMER.CREATE.shop-events-1_0')
    await request(mailer, 'CONSUMER.DELETE.shop-events-1_0.mailer')
    expect(await lasts('api')).toEqual(before)
  })

  test('the live topic ends where the events do: relay, stream worker and API lack no permission', async () => {
    await deliver(2)
    await eventually(async () => {
      const [events, live] = [await lasts('api'), await lasts('api', 'shop-live')]
      expect(live).toEqual(events)
      expect(sumOf(events)).toBe(await countWritten())
    })
  })

  test('the API says and hears hints; who may not hear them is told so', async () => {
    const { hints } = brokers.get('api')!
    const heard: string[] = []
    const ending = new AbortController()
    const { signal } = ending
    const listening = hints!.listen('shop-hints', { signal, onHint: (text) => heard.push(text) })
    await eventually(async () => {
      await hints!.send('shop-hints', 'hello')
      expect(heard).toContain('hello')
    })
    ending.abort()
    await listening
    const refusal = brokers.get('relay')!.hints!.listen('shop-hints', { signal: stopping.signal, onHint() {} })
    await expect(refusal).rejects.toThrow(BrokerUnavailable)
    await expect(refusal).rejects.toThrow(refused)
  })

  const countWritten = async () => {
    const [row] = await pipeline.database.sql.query<{ n: number }>('select count(*)::int as n from commitcast.outbox')
    return row!.n
  }

  const sumOf = (ends: readonly number[]) => ends.reduce((sum, end) => sum + end, 0)

  const lasts = async (user: string, name = 'shop-events') => {
    const topic: Topic = await brokers.get(user)!.topic({ name, epoch: 1, partitions })
    return Promise.all(Array.from({ length: partitions }, async (_, p) => (await topic.last(p))?.offset ?? 0))
  }

  /** Each is there once, in the order of its key, at the place where the topic has it, with its headers as they were written. */
  const expectDeliveries = async (seen: readonly DeliveredEvent[], ids: readonly string[]) => {
    expect(seen.map(({ id }) => id).sort()).toEqual([...ids].sort())
    const topic = await brokers.get('api')!.topic({ name: 'shop-events', epoch: 1, partitions })
    for (const key of keys) {
      const own = seen.filter((event) => event.key === key)
      const n = rounds - own.length
      expect(own.map(({ data }) => data)).toEqual(
        own.map((_, index) => ({ customerId: `customer of ${key}`, n: n + index })),
      )
      const [first] = own
      const batches = topic.read(first!.partition, first!.offset - 1, { signal: AbortSignal.timeout(60_000) })
      for await (const [message] of batches) {
        const { id, time } = first!
        expect(message).toMatchObject({ id, key, time, offset: first!.offset })
        break
      }
    }
  }
})

const keys = ['plain', 'with space', '50 % off', 'Ährenstraße', '日本', 'a%20b', 'x:y', '1', '2', '3', '4', '5']
const refused = /permissions violation/i

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10))
  const differs = least.findIndex((part, index) => parts[index] !== part)
  return differs < 0 || parts[differs]! > least[differs]!
}
