import { eventually } from '@commitcast/worker'
import { expect } from 'vitest'
import type { Topic } from '../broker.ts'
import { AppendConflict, BrokerUnavailable, Diverged, OffsetGone } from '../errors.ts'
import type { Case } from './contract-case.ts'
import { makeMessages, offsetsOf, range, readToTheEnd, readUntil } from './messages.ts'

/** A log that begins at a later offset than 1, because the earlier messages are not kept any more. */
export const beginnings: readonly Case[] = [
  {
    name: 'a log that begins after an offset is as if everything up to there had been stored and were gone',
    needs: 'beginnings',
    async run({ freshTopic, reopened }) {
      const topic = await freshTopic(2)
      await topic.begin(0, 4_000)
      for (const one of [topic, await reopened(topic)]) {
        expect(await one.last(0)).toEqual({ offset: 4_000, id: '' })
        expect(await one.first(0)).toBe(4_001)
      }
      expect(await topic.last(1)).toBeUndefined()
      await expect(topic.append(0, 0, makeMessages(1, 1))).rejects.toBeInstanceOf(AppendConflict)
      await expect(topic.append(0, 4_001, makeMessages(4_002, 1))).rejects.toBeInstanceOf(AppendConflict)

      const sent = makeMessages(4_001, 30)
      await topic.append(0, 4_000, sent.slice(0, 10))
      await topic.append(0, 4_010, sent.slice(10))
      expect(await topic.last(0)).toEqual({ offset: 4_030, id: sent.at(-1)?.id })
      expect(await topic.first(0)).toBe(4_001)
      expect(await readUntil(topic, { after: 4_000, until: 4_030 })).toEqual(sent)
      expect(await readUntil(topic, { after: 4_017, until: 4_030 })).toEqual(sent.slice(17))
    },
  },
  {
    name: 'a reader of an offset before the beginning gets OffsetGone, with messages behind it and without',
    needs: 'beginnings',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await topic.begin(0, 40)
      for (const after of [0, 38, 39]) await expectGone(topic, after)
      await topic.append(0, 40, makeMessages(41, 5))
      for (const after of [0, 38, 39]) await expectGone(topic, after)
    },
  },
  {
    name: 'a reader that waited before the log began gets OffsetGone; one at the beginning continues',
    needs: 'beginnings',
    async run({ freshTopic }) {
      for (const roundTrips of [0, 1, 2, 4, 8, 16]) {
        const topic = await freshTopic()
        const early = readToTheEnd(topic.read(0, 0, { signal: AbortSignal.timeout(20_000) }))
        const there = readUntil(topic, { after: 40, until: 45 })
        // The readers come to wait at some point.
        for (let trip = 0; trip < roundTrips; trip++) await topic.last(0)
        await topic.begin(0, 40)
        await topic.append(0, 40, makeMessages(41, 5))
        expect((await early).error).toBeInstanceOf(OffsetGone)
        expect((await early).messages).toEqual([])
        expect(offsetsOf(await there)).toEqual(range(41, 45))
      }
    },
  },
  {
    name: 'a log that holds a message, or ended behind that, can not begin there',
    needs: 'beginnings',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 5))
      for (const after of [0, 3, 5, 90]) await expectConflict(topic, after)
      expect(offsetsOf(await readUntil(topic, { until: 5 }))).toEqual(range(1, 5))
      const begun = await freshTopic()
      await begun.begin(0, 40)
      await expectConflict(begun, 39)
      await expectConflict(begun, 0)
      await begun.append(0, 40, makeMessages(41, 20))
      await subject.damage.trim({ topic: begun, partition: 0 }, 50)
      await expectConflict(begun, 60)
      await expectConflict(begun, 90)
      expect(offsetsOf(await readUntil(begun, { after: 50, until: 60 }))).toEqual(range(51, 60))
    },
  },
  {
    name: 'a beginning that was made already changes nothing, and one without messages can move on',
    needs: 'beginnings',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      await topic.begin(0, 0)
      expect(await topic.last(0)).toBeUndefined()
      await topic.begin(0, 40)
      await topic.begin(0, 40)
      expect(await topic.last(0)).toEqual({ offset: 40, id: '' })
      await topic.begin(0, 70)
      expect(await topic.last(0)).toEqual({ offset: 70, id: '' })
      await topic.append(0, 70, makeMessages(71, 5))
      expect(await topic.first(0)).toBe(71)
    },
  },
  {
    name: 'of writers that begin one log at different offsets and at 1, those of one beginning go on and no reader skips',
    needs: 'beginnings',
    async run({ freshTopic, reopened }) {
      for (let round = 0; round < 10; round++) {
        const topic = await freshTopic()
        const rivals = [topic, await reopened(topic), await reopened(topic)]
        const write = async (one: Topic, after: number) => {
          if (after > 0) await one.begin(0, after)
          await one.append(0, after, makeMessages(after + 1, 3))
        }
        const results = await Promise.allSettled(rivals.map((one, index) => write(one, index * 40)))
        for (const result of results) {
          const refusal = result.status === 'rejected' ? result.reason : undefined
          if (refusal && !(refusal instanceof BrokerUnavailable)) expect(isTold(refusal)).toBe(true)
        }
        const first = await topic.first(0)
        if (first > 1) await expectGone(topic, 0)
        const log = await topic.last(0).then((last) => readAll(topic, first, last!.offset), unlessTold)
        // A server may take a message while another writer moves the end: it has a wrong offset, and readers report it.
        if (!log) continue
        // The log is what one of them made of it, and one whose append was ended half-way has stored what came before.
        expect([1, 41, 81]).toContain(first)
        expect(log).toEqual(range(first, first + log.length - 1))
        expect(log.length).toBeLessThanOrEqual(3)
        if (results[(first - 1) / 40]?.status === 'fulfilled') expect(log.length).toBe(3)
      }
    },
  },
  {
    name: 'a log that has begun, and what follows, outlive a kill of the server',
    needs: 'beginnings that outlive a server',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.begin(0, 40)
      await subject.restart!()
      await eventually(async () => expect(await topic.last(0)).toEqual({ offset: 40, id: '' }))
      const sent = makeMessages(41, 100)
      await topic.append(0, 40, sent)
      await subject.restart!()
      await eventually(async () => expect((await topic.last(0))?.offset).toBe(140))
      expect(await topic.first(0)).toBe(41)
      expect(await readUntil(topic, { after: 40, until: 140 })).toEqual(sent)
    },
  },
]

async function readAll(topic: Topic, first: number, last: number): Promise<number[] | undefined> {
  if (last < first) return []
  return readUntil(topic, { after: first - 1, until: last }).then(offsetsOf, unlessTold)
}

function unlessTold(error: unknown): undefined {
  if (!isTold(error)) throw error
}

function isTold(error: unknown): boolean {
  return error instanceof AppendConflict || error instanceof Diverged
}

async function expectGone(topic: Topic, after: number): Promise<void> {
  const { messages, error } = await readToTheEnd(topic.read(0, after, { signal: AbortSignal.timeout(20_000) }))
  expect(messages).toEqual([])
  expect(error).toBeInstanceOf(OffsetGone)
  expect(String(error)).toMatch(new RegExp(`from offset ${await topic.first(0)} on; ${after + 1} is gone`))
}

async function expectConflict(topic: Topic, after: number): Promise<void> {
  const before = await topic.last(0)
  await expect(topic.begin(0, after)).rejects.toBeInstanceOf(AppendConflict)
  expect(await topic.last(0)).toEqual(before)
}
