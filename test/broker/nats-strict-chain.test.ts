import { AppendConflict, Diverged } from '@commitcast/broker'
import { makeMessages, readToTheEnd } from '@commitcast/broker/contract'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openNats } from './open-nats.ts'

const shape = { name: 'shop', epoch: 1, partitions: 1 }
const stray = 'shop.1.0.thing.happened'

describe.skipIf(!inject('natsUrl'))('a stray message', () => {
  test.each([
    [true, 'refuses all that comes behind it', 11],
    [false, 'takes the place of one event and lets the others pass', 20],
  ])('between two appends, strictChain %s, %s', async (strictChain, _, end) => {
    await using nats = await openNats({}, { strictChain })
    const topic = await nats.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 10))
    await nats.nc.jetstream().publish(stray, 'stray')
    await expect(topic.append(0, 10, makeMessages(11, 10))).rejects.toBeInstanceOf(AppendConflict)
    expect((await nats.streams.info('shop-1_0')).state.last_seq).toBe(end)
    const { messages, error } = await readToTheEnd(topic.read(0, 0, { signal: AbortSignal.timeout(60_000) }))
    expect(messages.length).toBe(10)
    expect(error).toBeInstanceOf(Diverged)
  })

  test('among chunks in flight, with strictChain, has nothing acknowledged that is not stored', async () => {
    await using nats = await openNats({}, { strictChain: true })
    const topic = await nats.broker.topic(shape)
    let acknowledged = 0
    let isRefused = false
    const write = async () => {
      for (let after = 0; !isRefused; after += 1_000) {
        const chunks = [0, 1, 2, 3].map(async (ahead) => {
          const at = after + ahead * 250
          await topic.append(0, at, makeMessages(at + 1, 250))
          acknowledged = Math.max(acknowledged, at + 250)
        })
        isRefused = (await Promise.allSettled(chunks)).some((chunk) => chunk.status === 'rejected')
      }
    }
    const writing = write()
    await eventually(() => expect(acknowledged).toBeGreaterThan(2_000))
    const { seq } = await nats.nc.jetstream().publish(stray, 'stray')
    await writing
    expect(acknowledged).toBeLessThan(seq)
    expect((await nats.streams.info('shop-1_0')).state.last_seq).toBe(seq)
  })

  test('is what a chain goes on without after a restart of the server that forgot the ids', async () => {
    await using nats = await openNats({}, { strictChain: true })
    const topic = await nats.broker.topic(shape)
    await nats.streams.update('shop-1_0', { duplicate_window: 100_000_000 })
    await topic.append(0, 0, makeMessages(1, 10))
    await nats.server.kill()
    await nats.server.restart()
    await eventually(async () => expect((await topic.last(0))?.offset).toBe(10))
    await topic.append(0, 10, makeMessages(11, 10))
    expect((await topic.last(0))?.offset).toBe(20)
  })
})
