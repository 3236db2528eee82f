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
    name: 'a topic belongs to the owner that made it, and another one is refused with both names',
    async run({ broker, freshName, reopened }) {
      const shape = { name: freshName(), epoch: 1, partitions: 2 }
      const [ours, theirs] = [
        { id: 'a1', name: 'shop prod' },
        { id: 'b2', name: 'shop "staging"' },
      ]
      const topic = await broker.topic({ ...shape, owner: ours })
      await topic.append(0, 0, makeMessages(1, 2))
      for (const verb of ['topic', 'find'] as const) {
        expect((await (await broker[verb]({ ...shape, owner: ours }))?.last(0))?.offset).toBe(2)
        expect((await (await broker[verb]({ ...shape, owner: { ...ours, name: 'renamed' } }))?.last(0))?.offset).toBe(2)
        expect((await (await broker[verb](shape))?.last(0))?.offset).toBe(2)
        const refusal = { name: 'TopicMismatch', code: 'OTHER_DATABASE' }
        const refused = await broker[verb]({ ...shape, owner: theirs }).catch((error: unknown) => error)
        expect(refused).toMatchObject(refusal)
        expect((refused as Error).message).toMatch(/"shop prod" \(a1\).*"shop "staging"" \(b2\)/)
      }
      expect((await (await reopened(topic)).last(0))?.offset).toBe(2)
      const next = { ...shape, epoch: 2, owner: theirs }
      expect(await (await broker.topic(next)).last(0)).toBeUndefined()
    },
  },
  {
    name: 'a topic that was made without an owner is open to any',
    async run({ freshTopic, broker }) {
      const topic = await freshTopic()
      await topic.append(0, 0, makeMessages(1, 1))
      const { name, epoch, partitions } = topic
      const opened = await broker.topic({ name, epoch, partitions, owner: { id: 'c3', name: 'shop' } })
      expect((await opened.last(0))?.offset).toBe(1)
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
