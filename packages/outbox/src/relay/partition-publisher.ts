import type { Topic } from '@commitcast/broker'
import type { Message } from '@commitcast/events'

/** Carries one partition's messages to the topic, in order, several chunks in flight. */
export interface PartitionPublisher {
  readonly partition: number
  /** The offset after which the next message belongs. */
  readonly next: number
  /** Whether another page may be added. */
  readonly hasRoom: boolean
  readonly isIdle: boolean
  /** Why it stopped; it takes nothing more then. What is stored must be asked of the broker. */
  readonly failure: unknown
  add(messages: readonly Message[]): void
  /** Resolves when nothing is in flight any more. */
  settled(): Promise<void>
}

export interface PublisherOptions {
  readonly topic: Topic
  readonly partition: number
  /** The offset of the newest message on the broker. */
  readonly after: number
  /** Called whenever something was stored or failed. */
  readonly onChange: () => void
  readonly maxChunk?: number
  readonly maxInFlight?: number
}

/** How many messages may wait beside those in flight before `hasRoom` is false. */
const readAhead = 2_000

export function createPartitionPublisher(options: PublisherOptions): PartitionPublisher {
  const { topic, partition, onChange, maxChunk = 500, maxInFlight = 4 } = options
  let waiting: Message[] = []
  let sent = options.after
  let failure: unknown
  const inFlight = new Set<Promise<void>>()

  const pump = () => {
    while (failure === undefined && waiting.length > 0 && inFlight.size < maxInFlight) {
      const chunk = waiting.slice(0, maxChunk)
      waiting = waiting.slice(maxChunk)
      const stored = topic.append(partition, sent, chunk).then(undefined, (error: unknown) => {
        failure ??= error
        waiting = []
      })
      sent += chunk.length
      inFlight.add(stored)
      void stored.then(() => {
        inFlight.delete(stored)
        pump()
        onChange()
      })
    }
  }

  return {
    partition,
    get next() {
      return sent + waiting.length
    },
    get hasRoom() {
      return failure === undefined && waiting.length < readAhead
    },
    get isIdle() {
      return waiting.length === 0 && inFlight.size === 0
    },
    get failure() {
      return failure
    },
    add(messages) {
      waiting = waiting.length === 0 ? [...messages] : waiting.concat(messages)
      pump()
    },
    async settled() {
      while (inFlight.size > 0) await Promise.all(inFlight)
    },
  }
}
