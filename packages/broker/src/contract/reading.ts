import { expect } from 'vitest'
import type { Message } from '../broker.ts'
import type { Case } from './contract-case.ts'
import { makeMessages, offsetsOf, range, readToTheEnd, readUntil } from './messages.ts'

/** Reading: from history into the live tail, bounded, to the abort. */
export const reading: readonly Case[] = [
  {
    name: 'a reader goes from history into the live tail without a gap',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 100))
      const reading = readUntil(topic, { until: 400 })
      for (let after = 100; after < 400; after += 30) await topic.append(0, after, makeMessages(after + 1, 30))
      expect(offsetsOf(await reading)).toEqual(range(1, 400))
    },
  },
  {
    name: 'two readers at different places each get everything',
    async run({ freshTopic, reopened }) {
      const topic = await freshTopic()
      const sent = makeMessages(1, 300)
      await topic.append(0, 0, sent.slice(0, 100))
      const readings = [
        readUntil(topic, { until: 300 }),
        readUntil(topic, { after: 60, until: 300 }),
        readUntil(await reopened(topic), { after: 100, until: 300 }),
      ]
      for (let after = 100; after < 300; after += 20) await topic.append(0, after, sent.slice(after, after + 20))
      expect(await Promise.all(readings)).toEqual([sent, sent.slice(60), sent.slice(100)])
    },
  },
  {
    name: 'a batch holds at most maxBatch messages',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 100))
      let seen = 0
      for await (const batch of topic.read(0, 0, { signal: AbortSignal.timeout(10_000), maxBatch: 7 })) {
        expect(batch.length).toBeLessThanOrEqual(7)
        seen += batch.length
        if (seen === 100) break
      }
      expect(seen).toBe(100)
    },
  },
  {
    name: 'a batch ends with the message that brings it to maxBytes, and a larger one comes alone',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sizes = [...Array(20).fill(3_000), 40_000, ...Array(20).fill(10), 40_000, 40_000, ...Array(20).fill(3_000)]
      const sent = makeMessages(1, sizes.length).map((message, index) => ({
        ...message,
        body: JSON.stringify('x'.repeat(sizes[index]!)),
      }))
      await topic.append(0, 0, sent)
      const read: Message[] = []
      for await (const batch of topic.read(0, 0, { signal: AbortSignal.timeout(20_000), maxBytes: 10_000 })) {
        const before = batch.slice(0, -1).reduce((bytes, { body }) => bytes + body.length, 0)
        expect(before).toBeLessThan(10_000)
        read.push(...batch)
        if (read.length === sizes.length) break
      }
      expect(read).toEqual(sent)
    },
  },
  {
    name: 'a slow reader holds no other up and misses nothing',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const slow = topic.read(0, 0, { signal: AbortSignal.timeout(20_000), maxBatch: 10 })[Symbol.asyncIterator]()
      await topic.append(0, 0, makeMessages(1, 10))
      const first = await slow.next()
      for (let after = 10; after < 3_010; after += 500) await topic.append(0, after, makeMessages(after + 1, 500))
      expect((await readUntil(topic, { until: 3_010 })).length).toBe(3_010)
      const offsets = offsetsOf(first.value as readonly Message[])
      while (offsets.length < 3_010) offsets.push(...offsetsOf((await slow.next()).value as readonly Message[]))
      await slow.return?.()
      expect(offsets).toEqual(range(1, 3_010))
    },
  },
  {
    name: 'an aborted read ends, also while it waits for more',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const stopping = new AbortController()
      const reading = readToTheEnd(topic.read(0, 0, { signal: stopping.signal }))
      await topic.append(0, 0, makeMessages(1, 1))
      stopping.abort()
      expect((await reading).messages.length).toBeLessThanOrEqual(1)
    },
  },
]
