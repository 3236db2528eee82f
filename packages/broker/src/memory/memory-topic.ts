import { type Message, readDefaults, type Topic, type TopicOptions } from '../broker.ts'
import { findBadHeader } from '../check-headers.ts'
import { checkOffsets } from '../check-place.ts'
import { AppendConflict, BrokerUnavailable, Diverged, MessageRefused, OffsetGone } from '../errors.ts'
import { beginAfter, endOf, grown, type Log, store } from './memory-log.ts'

interface Parts {
  readonly topic: TopicOptions
  readonly logOf: (partition: number) => Log
  readonly closed: AbortSignal
  readonly maxMessageBytes: number | undefined
}

/** A topic in memory; see the port for what each verb promises. */
export function createTopic({ topic, logOf, closed, maxMessageBytes }: Parts): Topic {
  const opened = (partition: number) => {
    if (closed.aborted) throw new BrokerUnavailable('This memory broker was closed.')
    return logOf(partition)
  }
  return {
    ...topic,
    maxMessageBytes,
    async last(partition) {
      const log = opened(partition)
      const offset = endOf(log)
      return offset === 0 ? undefined : { offset, id: log.messages.at(-1)?.id ?? '' }
    },
    async first(partition) {
      return opened(partition).forgotten + 1
    },
    async begin(partition, after) {
      const log = opened(partition)
      if (log.messages.length > 0 || log.forgotten > after) throw AppendConflict.begun(topic.name, partition, after)
      beginAfter(log, after)
    },
    async append(partition, after, messages) {
      checkOffsets(after, messages)
      const log = opened(partition)
      if (messages.length === 0) return
      if (endOf(log) !== after) throw AppendConflict.at(topic.name, partition, after)
      const limit = maxMessageBytes ?? Number.POSITIVE_INFINITY
      const large = limit === Number.POSITIVE_INFINITY ? undefined : messages.find((one) => bytesOf(one) > limit)
      const refusal = large ? MessageRefused.tooLarge(large, bytesOf(large), limit) : findBadHeader(messages)
      store(log, refusal ? messages.slice(0, refusal.offset - after - 1) : messages)
      if (refusal) throw refusal
    },
    async *read(partition, after, options) {
      const { signal, maxBatch, maxBytes } = { ...readDefaults, ...options }
      const log = logOf(partition)
      const end = AbortSignal.any([signal, closed])
      for (let next = after; !end.aborted; ) {
        const place = `${topic.name}, partition ${partition},`
        if (next < log.forgotten) {
          throw new OffsetGone(`${place} is kept from offset ${log.forgotten + 1} on; ${next + 1} is gone.`)
        }
        const found = log.messages.slice(next - log.forgotten, next - log.forgotten + maxBatch)
        const batch = soundStart(found, { after: next, maxBytes })
        if (found.length > 0 && batch.length === 0) throw divergedAt(found[0], place, next + 1)
        next += batch.length
        if (batch.length > 0) yield batch
        else await grown(log, end)
      }
    },
  }
}

/** The messages up to the first that is not in its place, or to the one with which they have so many bytes. */
function soundStart(
  found: readonly (Message | undefined)[],
  { after, maxBytes }: { after: number; maxBytes: number },
): readonly Message[] {
  let bytes = 0
  const end = found.findIndex((message, index) => {
    if (message?.offset !== after + 1 + index || bytes >= maxBytes) return true
    bytes += message.body.length
    return false
  })
  return (end < 0 ? found : found.slice(0, end)) as readonly Message[]
}

function divergedAt(message: Message | undefined, place: string, offset: number): Diverged {
  return new Diverged(
    message
      ? `${place} holds offset ${message.offset} at ${offset}.`
      : `${place} has no message at offset ${offset}: it was deleted.`,
    { offset },
  )
}

function bytesOf(message: Message): number {
  return Buffer.byteLength(JSON.stringify(message))
}
