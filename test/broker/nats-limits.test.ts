import { BrokerUnavailable, MessageRefused } from '@commitcast/broker'
import { makeMessage, makeMessages, readUntil } from '@commitcast/broker/contract'
import { DiscardPolicy } from 'nats'
import { describe, expect, inject, test } from 'vitest'
import { openNats } from './open-nats.ts'

describe.skipIf(!inject('natsUrl'))('limits of a NATS server', () => {
  test('the smaller one of max_payload and max_msg_size is told as the largest message', async () => {
    await using nats = await openNats({ config: 'max_payload: 100000' })
    const topic = await nats.broker.topic(shape)
    expect(topic.maxMessageBytes).toBe(100_000)
    await nats.streams.update('shop-1_1', { max_msg_size: 5_000 })
    expect((await nats.broker.topic(shape)).maxMessageBytes).toBe(5_000)
    expect((await nats.broker.find(shape))?.maxMessageBytes).toBe(5_000)
  })

  test('a message that is larger than its stream takes is refused where it stands first, last or alone', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await nats.streams.update('shop-1_0', { max_msg_size: 5_000 })
    const large = (offset: number) => ({ ...makeMessage(offset), body: JSON.stringify('x'.repeat(6_000)) })

    await expectRefused(topic.append(0, 0, [large(1)]), 1)
    await expectRefused(topic.append(0, 0, [large(1), ...makeMessages(2, 9)]), 1)
    expect(await topic.last(0)).toBeUndefined()
    await expectRefused(topic.append(0, 0, [...makeMessages(1, 9), large(10)]), 10)
    expect((await topic.last(0))?.offset).toBe(9)

    await nats.streams.update('shop-1_0', { max_msg_size: -1 })
    await topic.append(0, 9, [large(10)])
    expect((await topic.last(0))?.offset).toBe(10)
  })

  test('in mid-chunk it shows as a conflict; alone, at the place where the log ends, it is told', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await nats.streams.update('shop-1_0', { max_msg_size: 5_000 })
    const large = { ...makeMessage(5), body: JSON.stringify('x'.repeat(6_000)) }
    await expect(topic.append(0, 0, makeMessages(1, 10).with(4, large))).rejects.toMatchObject({
      code: 'APPEND_CONFLICT',
    })
    expect((await topic.last(0))?.offset).toBe(4)
    await expectRefused(topic.append(0, 4, [large]), 5)
    await topic.append(0, 4, makeMessages(5, 6))
    expect((await topic.last(0))?.offset).toBe(10)
  })

  test('headers over 64 kB are refused with their offset', async () => {
    await using nats = await openNats()
    const topic = await nats.broker.topic(shape)
    await expectRefused(topic.append(0, 0, [{ ...makeMessage(1), headers: { actor: 'x'.repeat(66_000) } }]), 1)
  })

  test.each([{ max_msgs: 10 }, { max_bytes: 3_000 }])(
    'a full stream (%o) is an outage with words, and is filled further once it has room',
    async (limit) => {
      await using nats = await openNats()
      const topic = await nats.broker.topic(shape)
      await nats.streams.update('shop-1_0', { ...limit, discard: DiscardPolicy.New })
      const sent = makeMessages(1, 40)
      await topic.append(0, 0, sent).catch(() => {})
      const end = (await topic.last(0))?.offset ?? 0
      expect(end).toBeGreaterThan(0)
      expect(end).toBeLessThan(40)

      const failure = await topic.append(0, end, sent.slice(end)).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(BrokerUnavailable)
      expect(String(failure)).toMatch(
        /shop-1_0: maximum (messages|bytes) exceeded \(10077\).*raise max_bytes or max_msgs/,
      )
      expect((await topic.last(0))?.offset).toBe(end)

      await nats.streams.update('shop-1_0', { max_msgs: -1, max_bytes: -1 })
      await topic.append(0, end, sent.slice(end))
      expect(await readUntil(topic, { until: 40 })).toEqual(sent)
    },
  )

  test('a server without room is an outage with words, never a refused message', async () => {
    await using nats = await openNats({ config: 'jetstream { max_file_store: 20000 }' })
    const topic = await nats.broker.topic({ ...shape, partitions: 1 })
    let after = 0
    const fill = async () => {
      for (; after < 10_000; after += 10) await topic.append(0, after, makeMessages(after + 1, 10))
    }
    await fill().catch(() => {})
    const end = (await topic.last(0))?.offset ?? 0
    const failure = await topic.append(0, end, makeMessages(end + 1, 1)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BrokerUnavailable)
    expect(String(failure)).toMatch(/Make room on the server|Raise the account's limits/)
  })
})

const shape = { name: 'shop', epoch: 1, partitions: 2 }

async function expectRefused(append: Promise<void>, offset: number): Promise<void> {
  const refusal = await append.catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(MessageRefused)
  expect(refusal).toMatchObject({ offset })
}
