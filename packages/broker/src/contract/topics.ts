import { expect } from 'vitest'
import type { Case } from './contract-case.ts'
import { makeMessages, readToTheEnd } from './messages.ts'

/** Topics: made, found, closed. */
export const topics: readonly Case[] = [
  {
    name: 'an empty partition has no last message and starts at offset 1',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      expect(await topic.last(0)).toBeUndefined()
      expect(await topic.first(0)).toBe(1)
    },
  },
  {
    name: 'partitions and epochs are logs of their own',
    async run({ broker, freshTopic }) {
      const topic = await freshTopic(3)
      const next = await broker.topic({ name: topic.name, epoch: 2, partitions: 3 })
      await topic.append(0, 0, makeMessages(1, 2))
      await topic.append(2, 0, makeMessages(1, 3))
      expect(await Promise.all([0, 1, 2].map(async (p) => (await topic.last(p))?.offset))).toEqual([2, undefined, 3])
      expect(await next.last(0)).toBeUndefined()
    },
  },
  {
    name: 'opening a topic again finds what is there',
    async run({ freshTopic, reopened }) {
      const topic = await freshTopic(2)
      await topic.append(1, 0, makeMessages(1, 4))
      expect((await (await reopened(topic)).last(1))?.offset).toBe(4)
    },
  },
  {
    name: 'a look for a topic makes nothing, and finds what another broker stored',
    async run({ broker, freshName, reopened }) {
      const shape = { name: freshName(), epoch: 1, partitions: 2 }
      expect(await broker.find(shape)).toBeUndefined()
      expect(await broker.find(shape)).toBeUndefined()
      const topic = await reopened(await broker.topic(shape))
      await topic.append(1, 0, makeMessages(1, 3))
      const found = await broker.find(shape)
      expect(await found?.last(0)).toBeUndefined()
      expect((await found?.last(1))?.offset).toBe(3)
      expect(await broker.find({ ...shape, epoch: 2 })).toBeUndefined()
    },
  },
  {
    name: 'a partition that the topic does not have is refused',
    async run({ freshTopic }) {
      const topic = await freshTopic(2)
      await expect(topic.last(2)).rejects.toThrow(/0 to 1, not 2/)
      await expect(topic.append(2, 0, makeMessages(1, 1))).rejects.toThrow(/0 to 1, not 2/)
    },
  },
  {
    name: 'a closed broker refuses work and ends its reads',
    async run({ subject, freshName }) {
      const broker = await subject.open()
      const shape = { name: freshName(), epoch: 1, partitions: 1 }
      const topic = await broker.topic(shape)
      const reading = readToTheEnd(topic.read(0, 0, { signal: AbortSignal.timeout(20_000) }))
      await broker.close()
      await broker.close()
      expect(await reading).toEqual({ messages: [], error: undefined })
      await expect(topic.append(0, 0, makeMessages(1, 1))).rejects.toThrow()
      await expect(topic.last(0)).rejects.toThrow()
      await expect(broker.topic(shape)).rejects.toThrow()
      await expect(broker.find(shape)).rejects.toThrow()
    },
  },
]
