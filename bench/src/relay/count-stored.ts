import type { Broker } from '@commitcast/broker'
import type { Count } from './count-to.ts'

/** Counts what the broker calls stored, where the worker hears it. */
export function countStored(broker: Broker, count: Count): Broker {
  return {
    ...broker,
    async topic(options) {
      const topic = await broker.topic(options)
      return {
        ...topic,
        async append(partition, after, messages) {
          await topic.append(partition, after, messages)
          count.add(messages.length)
        },
      }
    },
  }
}
