import type { Broker } from '@commitcast/broker'
import { partitions } from '../sample-event.ts'

/** A broker that makes everybody wait who reads of a topic, so that nobody reads ahead before the clock starts. */
export interface HeldReads {
  readonly broker: Broker
  /** Resolves when all partitions are waited for. */
  readonly reached: Promise<void>
  open(): void
}

const startMs = 60_000

export function holdReads(broker: Broker, topicName: string): HeldReads {
  const opened = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  const waiting = new Set<number>()
  const timer = setTimeout(() => {
    const seen = `${waiting.size} of ${partitions} partitions of ${topicName}`
    reached.reject(new Error(`After ${startMs} ms the worker reads ${seen}: see its log.`))
  }, startMs)
  void reached.promise.then(
    () => clearTimeout(timer),
    () => {},
  )
  return {
    reached: reached.promise,
    open: opened.resolve,
    broker: {
      ...broker,
      async topic(options) {
        const topic = await broker.topic(options)
        if (topic.name !== topicName) return topic
        return {
          ...topic,
          async *read(partition, after, options) {
            waiting.add(partition)
            if (waiting.size === partitions) reached.resolve()
            await opened.promise
            yield* topic.read(partition, after, options)
          },
        }
      },
    },
  }
}
