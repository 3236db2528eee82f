import { expect } from 'vitest'
import type { Message } from '../broker.ts'
import { MessageRefused } from '../errors.ts'
import type { Case } from './contract-case.ts'
import { makeMessage, makeMessages, readUntil } from './messages.ts'

/** More than key, headers and framing take. */
const reserve = 2_000

/** Messages that are refused, and those that just fit. */
export const limits: readonly Case[] = [
  {
    name: 'messages whose bodies come near the limit are stored whole',
    needs: 'a limit',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = [1, 2, 3].map((offset) => withBody(offset, topic.maxMessageBytes! - reserve))
      await topic.append(0, 0, sent)
      expect(await readUntil(topic, { until: 3 })).toEqual(sent)
    },
  },
  {
    name: 'a message over the limit is refused with its offset, and another one takes its place',
    needs: 'a limit',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = makeMessages(1, 10)
      const refusal = await topic
        .append(0, 0, sent.with(3, withBody(4, topic.maxMessageBytes! + 1)))
        .catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(MessageRefused)
      expect(refusal).toMatchObject({ offset: 4, code: 'MESSAGE_REFUSED' })
      const end = (await topic.last(0))?.offset ?? 0
      expect(end).toBeLessThan(4)
      await topic.append(0, end, sent.slice(end))
      expect((await topic.last(0))?.offset).toBe(10)
    },
  },
  {
    name: 'a message with a header that not every broker keeps is refused with its offset, and the next one takes its place',
    async run({ freshTopic }) {
      const topic = await freshTopic()
      const sent = makeMessages(1, 3)
      for (const actor of ['half \ud83d', 'a\0b']) {
        const bad = { ...sent[1]!, headers: { actor } }
        const refusal = await topic.append(0, 0, [sent[0]!, bad]).catch((error: unknown) => error)
        expect(refusal).toMatchObject({ offset: 2, code: 'MESSAGE_REFUSED' })
        expect(String(refusal)).toContain('"actor"')
        if (((await topic.last(0))?.offset ?? 0) > 0) break
      }
      const end = (await topic.last(0))?.offset ?? 0
      expect(end).toBeLessThan(2)
      await topic.append(0, end, sent.slice(end))
      expect(await readUntil(topic, { until: 3 })).toEqual(sent)
    },
  },
  {
    name: 'a refused message alone stores nothing, and holds no other message back',
    needs: 'a limit',
    async run({ freshTopic }) {
      const topic = await freshTopic(2)
      const [refused, others] = await Promise.allSettled([
        topic.append(0, 0, [withBody(1, topic.maxMessageBytes! + 1)]),
        topic.append(1, 0, makeMessages(1, 100)),
      ])
      expect(refused).toMatchObject({ status: 'rejected', reason: { offset: 1 } })
      expect(others.status).toBe('fulfilled')
      expect(await topic.last(0)).toBeUndefined()
    },
  },
]

function withBody(offset: number, bytes: number): Message {
  return { ...makeMessage(offset), body: JSON.stringify('x'.repeat(bytes - 2)) }
}
