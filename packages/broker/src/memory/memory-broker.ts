import type { Broker, TopicOptions } from '../broker.ts'
import { checkOwner } from '../check-owner.ts'
import { checkPartition } from '../check-place.ts'
import { BrokerUnavailable } from '../errors.ts'
import { createHints } from './memory-hints.ts'
import { createLog, type Log, type MemoryStorage } from './memory-log.ts'
import { createTopic } from './memory-topic.ts'

export type { MemoryStorage }

export interface MemoryBrokerOptions {
  /** The largest message that is taken, in bytes of its JSON text. Default: any. */
  readonly maxMessageBytes?: number
}

/** The reference implementation of the port: everything in this process's memory, nothing kept after it. For tests. */
export function memoryBroker(
  storage: MemoryStorage = new Map(),
  { maxMessageBytes }: MemoryBrokerOptions = {},
): Broker {
  const closing = new AbortController()

  const logsOf = (topic: TopicOptions): Log[] => {
    if (closing.signal.aborted) throw new BrokerUnavailable('This memory broker was closed.')
    return Array.from({ length: topic.partitions }, (_, partition) => {
      const name = logName(topic, partition)
      const log = storage.get(name) ?? createLog(topic.owner)
      checkOwner(topic, log.owner)
      storage.set(name, log)
      return log
    })
  }
  const open = (topic: TopicOptions) => {
    const logs = logsOf(topic)
    const logOf = (partition: number) => logs[checkPartition(partition, topic)]!
    return createTopic({ topic, logOf, closed: closing.signal, maxMessageBytes })
  }

  return {
    name: 'memory',
    traits: { durable: false },
    hints: createHints(storage, closing.signal),
    topic: async (topic) => open(topic),
    find: async (topic) => (storage.has(logName(topic, 0)) ? open(topic) : undefined),
    async close() {
      closing.abort()
    },
  }
}

/** The key of a partition in the storage. */
export function logName(topic: TopicOptions, partition: number): string {
  return `${topic.name}-${topic.epoch}_${partition}`
}
