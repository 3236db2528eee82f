import { expect } from 'vitest'
import { AppendConflict } from '../errors.ts'
import type { Case } from './contract-case.ts'
import { makeMessage, makeMessages, offsetsOf, range, readUntil } from './messages.ts'

const texts = [
  'ä ö 日本 🚀',
  'a%20b',
  'line\nbreak\r\n',
  ': colon : ',
  '"quoted\\"',
  ' spaces ',
  'tab\t',
  '%',
  '',
  'x: y\r\nz: 1',
]

/** Appending: what is stored, and what is refused. */
export const appending: readonly Case[] = [
  {
    name: 'what is appended is read back whole, in order, from any offset',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = makeMessages(1, 25)
      await topic.append(0, 0, sent.slice(0, 10))
      await topic.append(0, 10, sent.slice(10))
      expect(await readUntil(topic, { until: 25 })).toEqual(sent)
      expect(await readUntil(topic, { after: 17, until: 25 })).toEqual(sent.slice(17))
      expect(await topic.last(0)).toEqual({ offset: 25, id: sent[24]?.id })
    },
  },
  {
    name: 'keys, headers and bodies survive whatever characters they hold',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = texts.map((text, index) => ({
        ...makeMessage(index + 1),
        key: text || 'empty',
        headers: { actor: text || 'nobody', notes: JSON.stringify({ text }) },
        body: JSON.stringify({ text }),
      }))
      await topic.append(0, 0, sent)
      expect(await readUntil(topic, { until: sent.length })).toEqual(sent)
    },
  },
  {
    name: 'an append of no messages is nothing, wherever it is made',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await topic.append(0, 0, [])
      await topic.append(0, 99, [])
      expect(await topic.last(0)).toBeUndefined()
    },
  },
  {
    name: 'an append of 5,000 messages is stored, and read in batches as large',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 5_000))
      const seen: number[] = []
      for await (const batch of topic.read(0, 0, { signal: AbortSignal.timeout(30_000), maxBatch: 5_000 })) {
        seen.push(...offsetsOf(batch))
        if (seen.length >= 5_000) break
      }
      expect(seen).toEqual(range(1, 5_000))
    },
  },
  {
    name: 'an append at any other place than the end is a conflict and changes nothing that is stored',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = makeMessages(1, 5)
      await topic.append(0, 0, sent)
      await expect(topic.append(0, 9, makeMessages(10, 4))).rejects.toBeInstanceOf(AppendConflict)
      expect((await topic.last(0))?.offset).toBe(5)
      await expect(topic.append(0, 1, makeMessages(2, 4))).rejects.toBeInstanceOf(AppendConflict)
      await expect(topic.append(0, 3, makeMessages(4, 4))).rejects.toBeInstanceOf(AppendConflict)
      expect((await readUntil(topic, { until: 5 })).slice(0, 5)).toEqual(sent)
    },
  },
  {
    name: 'of two writers of the same messages at most one resolves, and each is stored once',
    async run({ freshTopic, reopened }) {
      const topic = await freshTopic()
      const rival = await reopened(topic)
      const sent = makeMessages(1, 50)
      const results = await Promise.allSettled([topic.append(0, 0, sent), rival.append(0, 0, sent)])
      expect(results.filter((result) => result.status === 'fulfilled').length).toBeLessThanOrEqual(1)
      const end = (await topic.last(0))?.offset ?? 0
      await topic.append(0, end, sent.slice(end))
      expect(await readUntil(topic, { until: 50 })).toEqual(sent)
    },
  },
  {
    name: 'two brokers append to different partitions side by side',
    async run({ freshTopic, reopened }) {
      const topic = await freshTopic(2)
      const writers = [topic, await reopened(topic)]
      const sent = writers.map(() => makeMessages(1, 1_000))
      await Promise.all(
        writers.flatMap((writer, partition) =>
          range(0, 19).map((chunk) =>
            writer.append(partition, chunk * 50, sent[partition]!.slice(chunk * 50, chunk * 50 + 50)),
          ),
        ),
      )
      for (const partition of [0, 1]) {
        expect(await readUntil(topic, { until: 1_000 }, partition)).toEqual(sent[partition])
      }
    },
  },
  {
    name: 'chunks may be sent ahead: each is stored only if the one before it is',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = makeMessages(1, 40)
      await Promise.all([0, 10, 20, 30].map((after) => topic.append(0, after, sent.slice(after, after + 10))))
      const broken = [40, 60, 70].map((after) => topic.append(0, after, makeMessages(after + 1, 10)))
      const results = await Promise.allSettled(broken)
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected'])
      expect((await topic.last(0))?.offset).toBe(50)
    },
  },
  {
    name: 'a message whose offset is not its place is refused before anything is sent',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await expect(topic.append(0, 0, makeMessages(2, 1))).rejects.toThrow(/offset 2, its place is 1/)
      expect(await topic.last(0)).toBeUndefined()
    },
  },
]
