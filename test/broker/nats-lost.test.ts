import { BrokerUnavailable, Diverged, OffsetGone } from '@commitcast/broker'
import { makeMessages, offsetsOf, readToTheEnd, readUntil } from '@commitcast/broker/contract'
import { runRelay } from '@commitcast/outbox'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'
import { openNats } from './open-nats.ts'

const shape = { name: 'shop', epoch: 1, partitions: 2 }
const stream = 'shop-1_0'

describe.skipIf(!inject('natsUrl'))('a stream that somebody', () => {
  test('deleted is told to a reader that waits at its end, and to a writer', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 20))
    const seen: number[] = []
    const reading = (async () => {
      for await (const batch of topic.read(0, 0, patience())) seen.push(...offsetsOf(batch))
    })()
    const told = reading.catch((error: unknown) => error)
    await eventually(() => expect(seen.length).toBe(20))
    await nats.streams.delete(stream)

    expect(await told).toBeInstanceOf(Diverged)
    expect(String(await told)).toMatch(/shop-1_0: stream not found \(10059\). It was deleted, or not created yet/)
    const words = /shop-1_0.*(deleted|Somebody)/
    await expect(topic.append(0, 20, makeMessages(21, 1))).rejects.toThrow(words)
    await expect(topic.append(0, 20, makeMessages(21, 1))).rejects.toBeInstanceOf(BrokerUnavailable)
    await expect(topic.last(0)).rejects.toThrow(words)
    await expect(topic.last(0)).rejects.toBeInstanceOf(BrokerUnavailable)
    expect(await topic.last(1)).toBeUndefined()
    const found = await nats.broker.find(shape)
    await expect(found?.last(0)).rejects.toThrow(words)
    expect(await found?.last(1)).toBeUndefined()
  })

  test('deleted and made again is told to a reader in the middle: its offsets begin anew', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 20))
    const reading = topic.read(0, 0, { ...patience(), maxBatch: 20 })[Symbol.asyncIterator]()
    expect(offsetsOf((await reading.next()).value ?? []).at(0)).toBe(1)
    await nats.streams.delete(stream)
    const again = await nats.broker.topic(shape)
    await again.append(0, 0, makeMessages(1, 200))
    const rest = await readToTheEnd({ [Symbol.asyncIterator]: () => reading })
    expect(rest.error).toBeInstanceOf(Diverged)
    expect(String(rest.error)).toMatch(/was deleted and made again: its offsets begin anew/)
    expect(rest.messages.every(({ offset }) => offset <= 20)).toBe(true)
    expect((await readUntil(topic, { until: 200 })).length).toBe(200)
  })

  test('purged is told as gone to a reader that had not come to the end, and is continued', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 60))
    const reading = topic.read(0, 0, { ...patience(), maxBatch: 10 })[Symbol.asyncIterator]()
    await reading.next()
    await nats.streams.purge(stream)
    const rest = await readToTheEnd({ [Symbol.asyncIterator]: () => reading })
    expect(rest.error).toBeInstanceOf(OffsetGone)
    expect(String(rest.error)).toMatch(/is kept from offset 61 on/)

    expect(await topic.first(0)).toBe(61)
    expect(await topic.last(0)).toEqual({ offset: 60, id: '' })
    expect((await readToTheEnd(topic.read(0, 0, patience()))).error).toBeInstanceOf(OffsetGone)
    const going = readUntil(topic, { after: 60, until: 61 })
    await topic.append(0, 60, makeMessages(61, 1))
    expect(offsetsOf(await going)).toEqual([61])
  })

  test('lets age out is told as gone, and is continued', async () => {
    await using nats = await openNats({}, { maxAgeMs: 1_000 })
    const topic = await nats.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 20))
    await eventually(async () => expect(await topic.first(0)).toBe(21))
    expect((await readToTheEnd(topic.read(0, 5, patience()))).error).toBeInstanceOf(OffsetGone)
    expect(await topic.last(0)).toEqual({ offset: 20, id: '' })
    await topic.append(0, 20, makeMessages(21, 1))
    expect(await topic.last(0)).toMatchObject({ offset: 21, id: expect.stringMatching(/./) })
  })

  test('took the last message of is told to the writer and to a reader that waits for it', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 20))
    await nats.streams.deleteMessage(stream, 20)
    await expect(topic.last(0)).rejects.toThrow(/shop-1_0 ends at 20, and that message was deleted/)
    await expect(topic.last(0)).rejects.toBeInstanceOf(Diverged)
    const { messages, error } = await readToTheEnd(topic.read(0, 0, patience()))
    expect(messages.length).toBe(19)
    expect(error).toBeInstanceOf(Diverged)
  })

  test('deleted under a relay shows in its health; made again, it is refilled at the same offsets', async () => {
    await using nats = await openNats()
    await using database = await freshDatabase({ partitions: 1 })
    const { sql } = database
    const stopping = new AbortController()
    const options = { sql, broker: nats.broker, app: 'shop', schema: 'commitcast', lostTailMs: 500 }
    const relay = runRelay({ ...options, signal: stopping.signal })
    const one = () => sql.query(`select commitcast.append('order.placed', 'a', '{}')`)
    for (let count = 0; count < 5; count++) await one()
    const events = { name: 'shop-events', epoch: 1, partitions: 1 }
    const topic = await nats.broker.topic(events)
    const health = () => JSON.stringify(relay.health())
    await eventually(async () => expect((await topic.last(0))?.offset, health()).toBe(5))
    const before = await readLog(topic, 0)

    await nats.streams.delete('shop-events-1_0')
    await one()
    await eventually(() => expect(health()).toMatch(/was deleted/))
    expect(relay.health().ready).toBe(false)
    await nats.broker.topic(events)
    await eventually(async () => expect((await topic.last(0))?.offset, health()).toBe(6))
    expect((await readLog(topic, 0)).slice(0, 5)).toEqual(before)
    stopping.abort()
    await relay.done
  })
})

function patience() {
  return { signal: AbortSignal.timeout(60_000) }
}
