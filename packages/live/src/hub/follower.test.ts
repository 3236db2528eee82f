import { type Message, OffsetGone, type Topic } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import {
  decodeCursor,
  encodeLiveMessage,
  isVisible,
  type LiveEvent,
  parseSnapshot,
  type Upcast,
} from '@commitcast/events'
import { createBell } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { Follower, MustResync } from './follower.ts'
import { type Hub, startHub } from './hub.ts'
import { envelopeOf } from './live-entry.ts'
import { taskOf } from './run-queue.ts'

function liveMessage(offset: number, body = '1', timeline = 1, tx = offset): Message {
  const plain = { offset, id: `id-${offset}`, type: 'a', key: 'k', time: '', tx: `${tx}`, headers: {}, body }
  return encodeLiveMessage(plain, { metadata: {}, channels: ['all'], timeline })
}

/** A topic whose broker can lose its oldest messages, as retention does, and that counts how often it is read. */
async function forgetfulTopic() {
  const topic = await memoryBroker().topic({ name: 't', epoch: 1, partitions: 1 })
  const counts = { reads: 0, lasts: 0 }
  let kept = 1
  const forgetful: Topic = {
    ...topic,
    first: async () => kept,
    async last(partition) {
      counts.lasts++
      return topic.last(partition)
    },
    async *read(partition, after, options) {
      counts.reads++
      if (after + 1 < kept) throw new OffsetGone(`kept from ${kept}`)
      yield* topic.read(partition, after, options)
    },
  }
  return {
    topic: forgetful,
    counts,
    append: (offset: number, body?: string, tx?: number) =>
      topic.append(0, offset - 1, [liveMessage(offset, body, 1, tx)]),
    appendUnder: (timeline: number, offset: number) =>
      topic.append(0, offset - 1, [liveMessage(offset, '1', timeline)]),
    async fill(from: number, to: number, body?: string) {
      await topic.append(
        0,
        from - 1,
        Array.from({ length: to - from + 1 }, (_, index) => liveMessage(from + index, body)),
      )
    },
    keepFrom: (offset: number) => {
      kept = offset
    },
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** An output that has room for so many. */
function collector(room = Number.POSITIVE_INFINITY) {
  const events: LiveEvent[] = []
  const cursors: string[] = []
  return {
    room,
    events,
    cursors,
    hasRoom() {
      return events.length < this.room
    },
    sendEvent(cursor: string, entry: Parameters<typeof envelopeOf>[0]) {
      const envelope = envelopeOf(entry)
      cursors.push(cursor)
      if (envelope.kind === 'event') events.push(envelope.event)
    },
    together: <T>(act: () => T) => act(),
    get offsets() {
      return events.map(({ offset }) => offset)
    },
  }
}

/** Takes all that is there. */
async function takeAll(follower: Follower, output = collector(), limit = 7) {
  for (
    let left = follower.take(output, limit);
    left !== 'end' && output.hasRoom();
    left = follower.take(output, limit)
  ) {
    if (left === 'behind') await follower.load()
  }
  return output
}

async function arrived(hub: Hub, offset: number) {
  const bell = createBell()
  const detach = hub.attach(['all'], taskOf(bell.ring))
  while (hub.heads[0]! < offset) await bell.wait(1_000)
  detach()
}

test('a follower of some types sends the same entries with the same cursors as one of all: their frames are shared', async () => {
  const stopping = new AbortController()
  const topic = await memoryBroker().topic({ name: 't', epoch: 1, partitions: 1 })
  const hub = await startHub({ topic, signal: stopping.signal })
  const followers = [undefined, new Set(['a'])].map(
    (types) => new Follower({ hub, channels: ['all'], types, signal: stopping.signal }),
  )
  const messages = numbers(1, 9).map((offset) => ({ ...liveMessage(offset), type: offset % 3 === 0 ? 'a' : 'b' }))
  await topic.append(0, 0, messages)
  await arrived(hub, 9)
  const [all, some] = followers.map((follower) => {
    const sent: [string, object][] = []
    const output = { hasRoom: () => true, sendEvent: (cursor: string, entry: object) => sent.push([cursor, entry]) }
    follower.take({ ...output, together: (act) => act() }, 100)
    return sent
  })
  expect(some).toHaveLength(3)
  for (const [index, [cursor, entry]] of some!.entries()) {
    const [sameCursor, sameEntry] = all![index * 3 + 2]!
    expect(cursor).toBe(sameCursor)
    expect(entry).toBe(sameEntry)
  }
  expect(followers.map((follower) => follower.cursor())).toEqual(['1.1.9', '1.1.9'])
  stopping.abort()
  await hub.done
})

test('a follower takes each event once and says where it is', async () => {
  const stopping = new AbortController()
  const { topic, append } = await forgetfulTopic()
  const hub = await startHub({ topic, signal: stopping.signal })
  const follower = new Follower({ hub, channels: ['all', 'other'], signal: stopping.signal })
  for (const offset of [1, 2, 3]) await append(offset)
  await arrived(hub, 3)
  const { offsets, cursors } = await takeAll(follower, collector(), 2)
  expect(offsets).toEqual([1, 2, 3])
  expect(cursors).toEqual(['1.1.1', '1.1.2', '1.1.3'])
  expect([follower.cursor(), follower.sentCursor]).toEqual(['1.1.3', '1.1.3'])
  stopping.abort()
  await hub.done
})

test('a task runs once for a batch, however much is in it', async () => {
  const stopping = new AbortController()
  const { topic, fill } = await forgetfulTopic()
  await fill(1, 500)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 500 })
  let runs = 0
  hub.attach(
    ['all', 'other'],
    taskOf(() => runs++),
  )
  await arrived(hub, 500)
  expect(runs).toBe(1)
  stopping.abort()
  await hub.done
})

test('what an output has no room for stays where it is, in the ring and in the log', async () => {
  const stopping = new AbortController()
  const { topic, fill } = await forgetfulTopic()
  await fill(1, 60)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 30 })
  await arrived(hub, 60)
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [0] })
  const output = collector(0)
  for (output.room = 1; output.room <= 60; output.room++) {
    await takeAll(follower, output)
    expect(output.offsets).toEqual(numbers(1, output.room))
  }
  stopping.abort()
  await hub.done
})

test('a cursor behind the ring is served from the log, without a gap at the seam', async () => {
  const stopping = new AbortController()
  const { topic, fill } = await forgetfulTopic()
  await fill(1, 50)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 10 })
  await arrived(hub, 50)
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [5] })
  expect((await takeAll(follower)).offsets).toEqual(numbers(6, 50))
  stopping.abort()
  await hub.done
})

test('thousands of followers behind the ring share a handful of reads, wherever they stand', async () => {
  const stopping = new AbortController()
  const { topic, fill, counts } = await forgetfulTopic()
  await fill(1, 5_000, JSON.stringify('x'.repeat(300)))
  const hub = await startHub({ topic, signal: stopping.signal, prime: 100 })
  await arrived(hub, 5_000)
  await Promise.all(
    numbers(1, 200).map(async (client) => {
      const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
      await follower.seek({ epoch: 1, offsets: [client * 20] })
      const { offsets } = await takeAll(follower, collector(), 64)
      expect([offsets[0], offsets.length]).toEqual([client * 20 + 1, 5_000 - client * 20])
    }),
  )
  expect(counts.reads).toBeLessThanOrEqual(6)
  stopping.abort()
  await hub.done
})

test('large messages are read in small chunks, and no more of them is kept than the bound says', async () => {
  const stopping = new AbortController()
  const { topic, fill, counts } = await forgetfulTopic()
  await fill(1, 200, JSON.stringify('x'.repeat(100_000)))
  const hub = await startHub({ topic, signal: stopping.signal, prime: 1, maxLogCacheBytes: 1 })
  await arrived(hub, 200)
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [0] })
  expect((await takeAll(follower)).offsets).toEqual(numbers(1, 200))
  expect(counts.reads).toBeGreaterThan(4)
  stopping.abort()
  await hub.done
})

test('a cursor ahead of what the broker has must resync; all who ask share one question', async () => {
  const stopping = new AbortController()
  const { topic, append, counts } = await forgetfulTopic()
  await append(1)
  const hub = await startHub({ topic, signal: stopping.signal })
  const before = counts.lasts
  const answers = numbers(1, 20).map(() =>
    new Follower({ hub, channels: ['all'], signal: stopping.signal }).seek({ epoch: 1, offsets: [9] }),
  )
  for (const answer of await Promise.allSettled(answers)) {
    expect(answer).toMatchObject({ reason: { name: 'MustResync', reason: 'cursor' } })
  }
  expect(counts.lasts - before).toBeLessThanOrEqual(3)
  stopping.abort()
  await hub.done
})

test('a cursor up to what was given goes on when a broker that lost its newest messages has them again', async () => {
  const stopping = new AbortController()
  const { topic, append, fill } = await forgetfulTopic()
  await append(1)
  const hub = await startHub({ topic, lastAssigned: async () => 5, signal: stopping.signal })
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [3] })
  await fill(2, 5)
  await arrived(hub, 5)
  expect((await takeAll(follower)).offsets).toEqual([4, 5])
  stopping.abort()
  await hub.done
})

test('a client far behind gets on first in the partition where it is furthest behind', async () => {
  const stopping = new AbortController()
  const topic = await memoryBroker().topic({ name: 't', epoch: 1, partitions: 2 })
  await topic.append(
    0,
    0,
    numbers(1, 5).map((offset) => liveMessage(offset)),
  )
  await topic.append(
    1,
    0,
    numbers(1, 9).map((offset) => liveMessage(offset)),
  )
  const hub = await startHub({ topic, prime: 0, signal: stopping.signal })
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [0, 0] })
  const { events } = await takeAll(follower)
  expect(events.map(({ partition }) => partition)).toEqual([...Array(9).fill(1), ...Array(5).fill(0)])
  stopping.abort()
  await hub.done
})

test('a client that comes back passes over all that it has seen, however much, to what it has not', async () => {
  const stopping = new AbortController()
  const { topic, fill } = await forgetfulTopic()
  const hub = await startHub({ topic, signal: stopping.signal })
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await fill(1, 500)
  await follower.seek({ epoch: 1, offsets: [499] })
  expect((await takeAll(follower)).offsets).toEqual([500])
  stopping.abort()
  await hub.done
})

test('what a snapshot shows is left out, from the ring and from the log, and the cursor carries the snapshot', async () => {
  const stopping = new AbortController()
  const { topic, fill } = await forgetfulTopic()
  await fill(1, 20)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 10 })
  await arrived(hub, 20)
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [0], snapshot: '5:18:5,15' })
  const { offsets, cursors } = await takeAll(follower)
  expect(offsets).toEqual([5, 15, 18, 19, 20])
  expect(cursors.at(-1)).toBe('1.1.k.5:18:5,15')
  stopping.abort()
  await hub.done
})

test.each([
  ['from the ring', 1_000],
  ['from the log', 1],
])('of events under a later timeline than its snapshot’s a follower takes none (%s)', async (_, prime) => {
  const stopping = new AbortController()
  const { topic, fill, appendUnder } = await forgetfulTopic()
  await fill(1, 11)
  await appendUnder(2, 12)
  await fill(13, 20)
  const hub = await startHub({ topic, signal: stopping.signal, prime })
  await arrived(hub, 20)
  const followerAt = async (place: { snapshot?: string; timeline?: number }) => {
    const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
    await follower.seek({ epoch: 1, offsets: [0], ...place })
    return follower
  }
  const output = collector()
  const stale = await followerAt({ snapshot: '18:18:', timeline: 1 })
  await expect(takeAll(stale, output)).rejects.toMatchObject({ reason: 'failover' })
  expect(output.offsets).toEqual([])
  const fresh = await followerAt({ snapshot: '18:18:', timeline: 2 })
  const { offsets, cursors } = await takeAll(fresh)
  expect(offsets).toEqual([18, 19, 20])
  expect(cursors.at(-1)).toBe('1.1.k.18:18:.2')
  for (const place of [{}, { snapshot: '18:18:' }]) {
    expect((await takeAll(await followerAt(place))).offsets).toEqual(place.snapshot ? [18, 19, 20] : numbers(1, 20))
  }
  stopping.abort()
  await hub.done
})

test.each([
  [{}, 20],
  [{ maxCatchUp: 30 }, 1],
  [{ maxCatchUpBytes: 100 }, 1],
])(
  'a cursor behind what the broker keeps, or further back than may be caught up (%j), must resync',
  async (limits, gone) => {
    const stopping = new AbortController()
    const { topic, fill, keepFrom } = await forgetfulTopic()
    await fill(1, 3_000)
    const hub = await startHub({ topic, signal: stopping.signal, prime: 10, ...limits })
    await arrived(hub, 3_000)
    const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
    await follower.seek({ epoch: 1, offsets: [5] })
    keepFrom(gone)
    await expect(takeAll(follower)).rejects.toBeInstanceOf(MustResync)
    stopping.abort()
    await hub.done
  },
)

test('a cursor right at the edge of what is kept is continued, though nothing before it can be read', async () => {
  const stopping = new AbortController()
  const { topic, fill, keepFrom } = await forgetfulTopic()
  await fill(1, 50)
  const hub = await startHub({ topic, signal: stopping.signal, prime: 10 })
  await arrived(hub, 50)
  keepFrom(20)
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [19] })
  expect((await takeAll(follower)).offsets).toEqual(numbers(20, 50))
  stopping.abort()
  await hub.done
})

test('when the hub itself lost history, everybody who stood before the hole must resync: never a silent gap', async () => {
  const stopping = new AbortController()
  const { topic, append, keepFrom } = await forgetfulTopic()
  await append(1)
  const hub = await startHub({ topic, signal: stopping.signal })
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await arrived(hub, 1)
  await takeAll(follower)
  keepFrom(9)
  hub.ring.skipTo(0, 8)
  await expect(takeAll(follower)).rejects.toBeInstanceOf(MustResync)
  stopping.abort()
  await hub.done
})

test('events are upcast wherever they come from, once for all clients', async () => {
  const stopping = new AbortController()
  const { topic, append } = await forgetfulTopic()
  for (const offset of [1, 2, 3]) await append(offset)
  const upcasted: number[] = []
  const upcast: Upcast = (event) => {
    upcasted.push(event.offset)
    return { ...event, data: `upcast ${event.offset}` }
  }
  const hub = await startHub({ topic, signal: stopping.signal, prime: 1, upcast })
  await arrived(hub, 3)
  const dataAfter = async (offset: number) => {
    const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
    await follower.seek({ epoch: 1, offsets: [offset] })
    return (await takeAll(follower)).events.map(({ data }) => data)
  }
  for (let client = 0; client < 3; client++) expect(await dataAfter(2)).toEqual(['upcast 3'])
  expect(upcasted).toEqual([3])
  for (let client = 0; client < 3; client++) expect(await dataAfter(1)).toEqual(['upcast 2', 'upcast 3'])
  expect(upcasted.sort()).toEqual([2, 3, 3])
  stopping.abort()
  await hub.done
})

/** A log whose transactions come in any order, and a snapshot that shows some of those before offset `shownUpTo`. */
function randomHistory(length: number) {
  const txs = numbers(100, 99 + length).sort(() => Math.random() - 0.5)
  const xmax = 100 + Math.floor(Math.random() * length)
  const running = txs.filter((tx) => tx < xmax && Math.random() < 0.3).sort((a, b) => a - b)
  const snapshot = `${running[0] ?? xmax}:${xmax}:${running.join()}`
  const hidden = numbers(1, length).filter((offset) => isVisible(BigInt(txs[offset - 1]!), parseSnapshot(snapshot)!))
  return { txs, snapshot, hidden, shownUpTo: hidden.at(-1) ?? 0 }
}

test.each(numbers(1, 10))(
  'a cursor leaves its snapshot behind the last event that this shows; each event comes once, its timeline stays (round %i)',
  async () => {
    const length = 300
    const { txs, snapshot, hidden, shownUpTo } = randomHistory(length)
    const { topic, append } = await forgetfulTopic()
    const stopping = new AbortController()
    const answer = { snapshot, epoch: 1, server: 'server/00000001', offsets: [shownUpTo] }
    const hub = await startHub({ topic, signal: stopping.signal, maxRingBytes: 50_000, readShown: async () => answer })
    const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
    await follower.seek({ epoch: 1, offsets: [0], snapshot, timeline: 1 })
    const output = collector()
    for (let offset = 1; offset <= length; offset++) {
      await append(offset, '1', txs[offset - 1])
      if (offset === Math.floor(length / 2))
        await expect.poll(() => hub.shown!.newest, { timeout: 10_000 }).toBeDefined()
      if (Math.random() < 0.3) await takeAll(follower, output)
    }
    await arrived(hub, length)
    await takeAll(follower, output)
    expect(output.offsets).toEqual(numbers(1, length).filter((offset) => !hidden.includes(offset)))
    follower.take(output, 1)
    expect(decodeCursor(follower.cursor())).toEqual({ epoch: 1, offsets: [length], snapshot: '1:1:', timeline: 1 })
    stopping.abort()
  },
)

test('a cursor keeps its snapshot while that may show what is to come, and where it is of another timeline', async () => {
  const { topic, fill } = await forgetfulTopic()
  const stopping = new AbortController()
  let offsets: (number | null)[] = [null]
  const readShown = async () => ({ snapshot: '5:5:', epoch: 1, server: 'server/00000002', offsets })
  const hub = await startHub({ topic, signal: stopping.signal, readShown })
  const [kept, left] = [1, 2].map(() => new Follower({ hub, channels: ['all'], signal: stopping.signal }))
  kept!.skipVisible('5:5:', 1)
  left!.skipVisible('5:5:', 2)
  await fill(1, 10)
  await arrived(hub, 10)
  const cursors = async () => {
    for (const follower of [kept!, left!]) await takeAll(follower)
    return [kept, left].map((follower) => decodeCursor(follower!.cursor())?.snapshot)
  }
  expect(await cursors()).toEqual(['5:5:', '5:5:'])
  offsets = [10]
  await expect.poll(cursors, { timeout: 10_000 }).toEqual(['5:5:', '1:1:'])
  stopping.abort()
})

test('a follower that comes from the log into the ring holds nothing of the log any more', async () => {
  const { topic, fill } = await forgetfulTopic()
  await fill(1, 200)
  const stopping = new AbortController()
  // The one chunk of 1 to 200 reaches into the ring, and there is room for no other.
  const hub = await startHub({ topic, signal: stopping.signal, prime: 50, maxLogCacheBytes: 1 })
  await arrived(hub, 200)
  const follower = new Follower({ hub, channels: ['all'], signal: stopping.signal })
  await follower.seek({ epoch: 1, offsets: [0] })
  expect((await takeAll(follower)).offsets).toEqual(numbers(1, 200))
  // Another chunk can only be read once the first was let go.
  await fill(201, 2_000)
  await arrived(hub, 2_000)
  expect(await hub.logCache.read(0, 1_024)).toMatchObject({ after: 1_024 })
  stopping.abort()
})
