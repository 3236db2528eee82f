import type { Topic } from '@commitcast/broker'
import type { Message } from '@commitcast/events'
import { marker } from '../verified/token.ts'
import { chunkSize, maxChunk } from './chunk-size.ts'

export interface PublisherOptions {
  readonly topic: Topic
  readonly partition: number
  /** The offset of the newest message on the broker. */
  readonly after: number
  /** What readers know this relay's messages by. */
  readonly token: string
  /** Called with the newest offset that the broker acknowledged, in order. */
  readonly onStored: (offset: number) => void
}

/**
 * Carries one partition's messages to the topic, in order, several chunks in flight, until the first failure. The first
 * message goes alone: a broker may show the refusal of one amid a chunk only as a conflict of those behind it, and after
 * that conflict the refused one is the first.
 */
export interface PartitionPublisher {
  /** Whether another page may be added. */
  readonly hasRoom: boolean
  /** Takes the messages that follow what it has; refuses what does not. */
  add(messages: readonly Message[]): boolean
  readonly hasFailed: boolean
  /** Since when the broker owes an answer and gives none, in milliseconds since 1970; `undefined` where nothing is in flight. */
  readonly owedSince: number | undefined
  /** Resolves with the first failure. What is stored must then be asked of the broker. */
  readonly failed: Promise<unknown>
  /** Resolves when nothing is in flight any more. */
  settled(): Promise<void>
}

/** Chunks in flight. More gained nothing here. */
const maxChunks = 4
/** How many messages may be in doubt after a failure. */
export const maxInFlight = maxChunk * maxChunks
/** How many messages, or characters of their bodies, may wait beside those in flight before `hasRoom` is false. */
const maxWaiting = 2_000
const maxWaitingLength = 2_000_000

export function createPartitionPublisher({
  topic,
  partition,
  after,
  token,
  onStored,
}: PublisherOptions): PartitionPublisher {
  let waiting: Message[] = []
  let waitingLength = 0
  let sent = after
  let hasStored = false
  let hasFailed = false
  let owedSince = 0
  const inFlight = new Set<Promise<void>>()
  const { promise: failed, resolve: fail } = Promise.withResolvers<unknown>()

  const pump = () => {
    while (!hasFailed && waiting.length > 0 && inFlight.size < (hasStored ? maxChunks : 1)) {
      const chunk = waiting.slice(0, hasStored ? chunkSize(waiting) : 1)
      waiting = waiting.slice(chunk.length)
      waitingLength -= lengthOf(chunk)
      if (inFlight.size === 0) owedSince = Date.now()
      const stored = store(chunk, sent)
      sent += chunk.length
      inFlight.add(stored)
      void stored.then(() => {
        inFlight.delete(stored)
        pump()
      })
    }
  }
  const mark = marker(token)
  const store = async (chunk: readonly Message[], at: number) => {
    try {
      await topic.append(partition, at, chunk.map(mark))
      hasStored = true
      owedSince = Date.now()
      if (!hasFailed) onStored(at + chunk.length)
    } catch (error) {
      hasFailed = true
      waiting = []
      fail(error)
    }
  }

  return {
    failed,
    get hasFailed() {
      return hasFailed
    },
    get owedSince() {
      return inFlight.size > 0 ? owedSince : undefined
    },
    get hasRoom() {
      return !hasFailed && waiting.length < maxWaiting && waitingLength < maxWaitingLength
    },
    add(messages) {
      if (hasFailed || messages[0]?.offset !== sent + waiting.length + 1) return false
      waiting = waiting.length === 0 ? [...messages] : waiting.concat(messages)
      waitingLength += lengthOf(messages)
      pump()
      return true
    },
    async settled() {
      while (inFlight.size > 0) await Promise.all(inFlight)
    },
  }
}

function lengthOf(messages: readonly Message[]): number {
  let length = 0
  for (const { body } of messages) length += body.length
  return length
}
