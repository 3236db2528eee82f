import { expect } from 'vitest'
import { AppendConflict, Diverged, OffsetGone } from '../errors.ts'
import type { Case } from './contract-case.ts'
import { makeMessages, offsetsOf, range, readToTheEnd, readUntil } from './messages.ts'

/** What other programs do to a log: readers report it and never pass over it. */
export const damages: readonly Case[] = [
  {
    name: 'a reader of an offset that retention removed gets OffsetGone; the rest is read',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 20))
      await subject.damage.trim({ topic, partition: 0 }, 10)
      expect(await topic.first(0)).toBe(11)
      expect((await topic.last(0))?.offset).toBe(20)
      const { messages, error } = await readToTheEnd(topic.read(0, 5, patience()))
      expect(messages).toEqual([])
      expect(error).toBeInstanceOf(OffsetGone)
      expect(String(error)).toMatch(/from offset 11 on; 6 is gone/)
      expect(offsetsOf(await readUntil(topic, { after: 10, until: 20 }))).toEqual(range(11, 20))
      await topic.append(0, 20, makeMessages(21, 1))
    },
  },
  {
    name: 'a message that was deleted inside is reported, after all before it are read',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 20))
      await subject.damage.remove({ topic, partition: 0 }, 10)
      const { messages, error } = await readToTheEnd(topic.read(0, 0, patience()))
      expect(offsetsOf(messages)).toEqual(range(1, 9))
      expect(error).toBeInstanceOf(Diverged)
      expect(String(error)).toMatch(/offset 10: it was deleted/)
      expect((await readToTheEnd(topic.read(0, 9, patience()))).error).toBeInstanceOf(Diverged)
      expect(offsetsOf(await readUntil(topic, { after: 10, until: 20 }))).toEqual(range(11, 20))
    },
  },
  {
    name: 'a message that is deleted before a reader comes to it is reported, too',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 40))
      const seen: number[] = []
      const reading = async () => {
        for await (const batch of topic.read(0, 0, { ...patience(), maxBatch: 5 })) {
          if (seen.length === 0) await subject.damage.remove({ topic, partition: 0 }, 38)
          seen.push(...offsetsOf(batch))
        }
      }
      await expect(reading()).rejects.toBeInstanceOf(Diverged)
      expect(seen).toEqual(range(1, 37))
    },
  },
  {
    name: 'a message of another client is reported to readers, and the message of its offset is refused',
    needs: 'strays that show',
    async run({ freshTopic, subject }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 5))
      await subject.damage.intrude?.({ topic, partition: 0 })
      await expect(topic.append(0, 5, makeMessages(6, 1))).rejects.toBeInstanceOf(AppendConflict)
      const { messages, error } = await readToTheEnd(topic.read(0, 0, patience()))
      expect(offsetsOf(messages)).toEqual(range(1, 5))
      expect(error).toBeInstanceOf(Diverged)
    },
  },
]

/** Long enough for a reader to find out; one that does not ends without an error. */
function patience() {
  return { signal: AbortSignal.timeout(20_000) }
}
