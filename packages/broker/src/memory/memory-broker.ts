import type { Broker, Message, ReadOptions, Topic, TopicOptions } from '../broker.ts'
import { checkOffsets } from '../check-append.ts'
import { AppendConflict, BrokerUnavailable } from '../errors.ts'

/** One partition of one topic incarnation. */
export interface Log {
  readonly messages: Message[]
  readonly waiting: Set<() => void>
}

/** Where memory brokers keep their logs; several brokers may share one, as clients share a server. */
export type MemoryStorage = Map<string, Log>

/** The reference implementation of the port: everything in this process's memory, nothing kept after it. For tests. */
export function memoryBroker(logs: MemoryStorage = new Map()): Broker {
  const closing = new AbortController()

  const logOf = (topic: TopicOptions, partition: number): Log => {
    if (closing.signal.aborted) throw new BrokerUnavailable('This memory broker was closed.')
    if (!(Number.isInteger(partition) && partition >= 0 && partition < topic.partitions)) {
      throw new RangeError(`${topic.name} has the partitions 0 to ${topic.partitions - 1}, not ${partition}.`)
    }
    const name = `${topic.name}-${topic.epoch}_${partition}`
    let log = logs.get(name)
    if (!log) {
      log = { messages: [], waiting: new Set() }
      logs.set(name, log)
    }
    return log
  }

  return {
    name: 'memory',
    async topic(options) {
      return openTopic(options, (partition) => logOf(options, partition), closing.signal)
    },
    async close() {
      closing.abort()
    },
  }
}

function openTopic(options: TopicOptions, logOf: (partition: number) => Log, closed: AbortSignal): Topic {
  return {
    ...options,
    async last(partition) {
      const message = logOf(partition).messages.at(-1)
      return message && { offset: message.offset, id: message.id }
    },
    async first(partition) {
      logOf(partition)
      return 1
    },
    async append(partition, after, messages) {
      checkOffsets(after, messages)
      const log = logOf(partition)
      if (log.messages.length !== after) throw AppendConflict.at(options.name, partition, after)
      log.messages.push(...messages)
      for (const wake of log.waiting) wake()
    },
    async *read(partition, after, { signal, maxBatch = 1_000 }: ReadOptions) {
      const log = logOf(partition)
      const end = AbortSignal.any([signal, closed])
      for (let next = after; !end.aborted; ) {
        const batch = log.messages.slice(next, next + maxBatch)
        if (batch.length === 0) await grown(log, end)
        else yield batch
        next += batch.length
      }
    },
  }
}

function grown(log: Log, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      log.waiting.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    log.waiting.add(wake)
    signal.addEventListener('abort', wake, { once: true })
  })
}
