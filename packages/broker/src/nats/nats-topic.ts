import type { NatsConnection } from 'nats'
import type { Topic, TopicOptions } from '../broker.ts'
import { checkOffsets } from '../check-append.ts'
import { Diverged } from '../errors.ts'
import { type Acks, appendChunk } from './nats-append.ts'
import { readStream } from './nats-read.ts'
import { asked, type Streams } from './nats-streams.ts'

/** A topic on JetStream; see the port for what each verb promises. */
export function createTopic(parts: { nc: NatsConnection; acks: Acks; streams: Streams; topic: TopicOptions }): Topic {
  const { streams, topic } = parts
  const state = async (partition: number) => {
    const name = streams.nameOf(partition)
    return (await asked(name, () => streams.jsm.streams.info(name))).state
  }
  return {
    ...topic,
    async last(partition) {
      const { last_seq: offset, messages } = await state(partition)
      if (offset === 0) return undefined
      const name = streams.nameOf(partition)
      if (messages === 0) return { offset, id: '' }
      const message = await asked(name, () => streams.jsm.streams.getMessage(name, { seq: offset }))
      const id = message.header.get('id')
      if (!id) throw new Diverged(`The message at ${offset} of ${name} is none of ours: who else writes there?`)
      return { offset, id }
    },
    async first(partition) {
      return Math.max(1, (await state(partition)).first_seq)
    },
    async append(partition, after, messages) {
      checkOffsets(after, messages)
      await appendChunk(parts, { partition, after, messages })
    },
    read: (partition, after, options) => readStream(parts, { partition, after }, options),
  }
}
