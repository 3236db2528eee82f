import type { Topic, TopicOptions } from '../broker.ts'
import { checkOffsets } from '../check-place.ts'
import { BrokerUnavailable, Diverged } from '../errors.ts'
import { appendChunk } from './nats-append.ts'
import { beginStream } from './nats-begin.ts'
import type { Connection } from './nats-connection.ts'
import { readStream } from './nats-read.ts'
import type { Streams } from './nats-streams.ts'
import { foreignMessage } from './nats-trouble.ts'

interface Parts {
  readonly connection: Connection
  readonly streams: Streams
  readonly topic: TopicOptions
  readonly isStrict: boolean
}

/** A topic on JetStream; see the port for what each verb promises. */
export function createTopic({ connection, streams, topic, isStrict }: Parts): Topic {
  const { nc } = connection
  return {
    ...topic,
    maxMessageBytes: Math.min(nc.info?.max_payload ?? Number.POSITIVE_INFINITY, streams.maxMessageBytes),
    async last(partition) {
      const { last_seq: offset, messages } = (await streams.info(partition)).state
      if (offset === 0) return undefined
      if (messages === 0) return { offset, id: '' }
      const name = streams.nameOf(partition)
      const message = await streams.messageAt(partition, offset)
      if (!message) throw await whyNone(streams, partition, offset)
      const id = message.header.get('id')
      if (!id) throw new Diverged(foreignMessage(name, offset), { offset })
      return { offset, id }
    },
    async first(partition) {
      return Math.max(1, (await streams.info(partition)).state.first_seq)
    },
    begin: (partition, after) => beginStream({ connection, streams }, { partition, after }),
    async append(partition, after, messages) {
      checkOffsets(after, messages)
      await appendChunk({ connection, streams }, { partition, after, messages, isStrict })
    },
    read: (partition, after, options) => readStream({ connection, streams }, { partition, after }, options),
  }
}

/** A message that was the last one a moment ago: aged out since, unknown to a new leader, or deleted. */
async function whyNone(streams: Streams, partition: number, offset: number): Promise<Error> {
  const name = streams.nameOf(partition)
  const { first_seq: first, last_seq: last } = (await streams.info(partition)).state
  if (last === offset && first <= offset) {
    return new Diverged(`${name} ends at ${offset}, and that message was deleted on the broker.`, { offset })
  }
  return new BrokerUnavailable(`${name} ended at ${offset}, and now at ${last}: ask again.`)
}
