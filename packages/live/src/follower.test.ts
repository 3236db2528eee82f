import { type Message, OffsetGone, type Topic } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { encodeLiveMessage, type Upcast } from '@commitcast/events'
import { expect, test } from 'vitest'
import { createFollower, MustResync } from './follower.ts'
import { startHub } from './hub.ts'

function liveMessage(offset: number): Message {
  const plain = { offset, id: `id-${offset}`, type: 'a', key: 'k', time: '', tx: '1', headers: {}, body: '1' }
  return encodeLiveMessage(plain, { metadata: {}, channels: ['all'] })
}

/** A topic whose broker can lose its oldest messages, as retention does. */
async function forgetfulTopic() {
  const topic = await memoryBroker().topic({ name: 't', epoch: 1, partitions: 1 })
  let kept = 1
  const forgetful: Topic = {
    ...topic,
    first: async () => kept,
    async *read(partition, after, options) {
      if (after + 1 < kept) throw new OffsetGone(`kept from ${kept}`)
      yield* topic.read(partition, after, options)
    },
  }
  return {
    topic: forgetful,
    append: (offset: number) => topic.append(0, offset - 1, [liveMessage(offset)]),
    keepFrom: (offset: number) => {
      kept = offset
    },
  }
}

test('a follower takes each event once and says where it is', async () => {
  const stopping = new AbortController()
  const { topic, append } = await forgetfulTopic()
  const hub = await startHub({ topic, signal: stopping.signal })
  const follower = createFollower({ hub, channels: ['all', 'other'], signal: stopping.signal })
  for (const offset of [1, 2, 3]) await append(offset)
  const offsets: number[] = []
  while (offsets.length < 3) {
    await follower.wait(1_000)
    offsets.push(...(await follower.take(2)).map(({ event }) => event.offset))
  }
  expect(offsets).toEqual([1, 2, 3])
  expect(follower.cursor).toBe('1.1.3')
  stopping.abort()
  await hub.done
})

test('a cursor behind the ring is served from the log, without a gap at the seam', async () => {
  const stopping = new AbortController()
  const { topic, append } = await forgetfulTopic()
  for (let offset = 1; offset <= 50; offset++) await append(offset)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 10 })
  const follower = createFollower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [5] })
  const offsets: number[] = []
  for (let taken = await follower.take(7); taken.length > 0; taken = await follower.take(7)) {
    offsets.push(...taken.map(({ event }) => event.offset))
  }
  expect(offsets).toEqual(Array.from({ length: 45 }, (_, index) => index + 6))
  stopping.abort()
  await hub.done
})

test('a client that comes back passes over all that it has seen, however much, to what it has not', async () => {
  const stopping = new AbortController()
  const { topic, append } = await forgetfulTopic()
  const hub = await startHub({ topic, signal: stopping.signal })
  const follower = createFollower({ hub, channels: ['all'], signal: stopping.signal })
  for (let offset = 1; offset <= 500; offset++) await append(offset)
  await follower.seek({ epoch: 1, offsets: [499] })
  expect((await follower.take(10)).map(({ event }) => event.offset)).toEqual([500])
  stopping.abort()
  await hub.done
})

test('a cursor behind what the broker keeps, or further back than may be caught up, must resync', async () => {
  const stopping = new AbortController()
  const { topic, append, keepFrom } = await forgetfulTopic()
  for (let offset = 1; offset <= 50; offset++) await append(offset)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 10 })
  const far = createFollower({ hub, channels: ['all'], signal: stopping.signal, maxCatchUp: 30 })
  await far.seek({ epoch: 1, offsets: [5] })
  await expect(far.take(10)).rejects.toBeInstanceOf(MustResync)
  keepFrom(20)
  const lost = createFollower({ hub, channels: ['all'], signal: stopping.signal })
  await lost.seek({ epoch: 1, offsets: [5] })
  await expect(lost.take(10)).rejects.toBeInstanceOf(MustResync)
  stopping.abort()
  await hub.done
})

test('when the hub itself lost history, everybody who stood before the hole must resync: never a silent gap', async () => {
  const stopping = new AbortController()
  const { topic, append, keepFrom } = await forgetfulTopic()
  await append(1)
  const hub = await startHub({ topic, signal: stopping.signal })
  const follower = createFollower({ hub, channels: ['all'], signal: stopping.signal })
  while (hub.heads[0] !== 1) await follower.wait(10)
  await follower.take(10)
  keepFrom(9)
  hub.ring.skipTo(0, 8)
  await expect(follower.take(10)).rejects.toBeInstanceOf(MustResync)
  stopping.abort()
  await hub.done
})

test('events are upcast wherever they come from: from the ring once for all clients, from the log for each', async () => {
  const stopping = new AbortController()
  const { topic, append } = await forgetfulTopic()
  for (const offset of [1, 2, 3]) await append(offset)
  const upcasted: number[] = []
  const upcast: Upcast = (event) => {
    upcasted.push(event.offset)
    return { ...event, data: `upcast ${event.offset}` }
  }
  const hub = await startHub({ topic, signal: stopping.signal, prime: 1, upcast })
  const dataAfter = async (offset: number) => {
    const follower = createFollower({ hub, channels: ['all'], signal: stopping.signal })
    await follower.seek({ epoch: 1, offsets: [offset] })
    let taken = await follower.take(9)
    while (taken.length === 0 && (await follower.wait(1_000))) taken = await follower.take(9)
    return taken.map(({ event }) => event.data)
  }
  for (let client = 0; client < 3; client++) expect(await dataAfter(2)).toEqual(['upcast 3'])
  expect(upcasted).toEqual([3])
  expect(await dataAfter(1)).toEqual(['upcast 2', 'upcast 3'])
  stopping.abort()
  await hub.done
})
