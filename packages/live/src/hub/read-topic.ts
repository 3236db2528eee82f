import { type Message, OffsetGone, type Topic } from '@commitcast/broker'
import type { Keys } from '@commitcast/outbox'
import {
  createBackoff,
  createOutageLog,
  type LastingTrouble,
  type Logger,
  lasting,
  toTrouble,
} from '@commitcast/worker'

export interface TopicReaderOptions {
  readonly topic: Topic
  /** How far each partition was read. */
  readonly headOf: (partition: number) => number
  /** Largest read of a partition, in bytes. */
  readonly maxBytes: number
  /** The keys of the personal fields of a batch; `undefined` where it has none. */
  readonly keysOf: (batch: readonly Message[]) => Promise<Keys> | undefined
  readonly take: (partition: number, message: Message, keys: Keys | undefined) => void
  /** Called after each batch; nothing more of its partition is read until what it returns resolves. */
  readonly onBatch: () => Promise<void> | undefined
  /** The broker keeps nothing of a partition up to this offset any more, and reading continues behind it. */
  readonly onGap: (partition: number, offset: number) => void
  readonly signal: AbortSignal
  readonly logger: Logger
}

export interface TopicReader {
  /** Why partitions can't be read, while they can't. */
  readonly troubles: ReadonlyMap<number, LastingTrouble>
  /** Resolves when the signal has aborted and all reading has ended. */
  readonly done: Promise<unknown>
}

/** Reads each partition of a topic from where it is on, through outages and gaps, until the signal aborts. */
export function readTopic(options: TopicReaderOptions): TopicReader {
  const { topic, headOf, maxBytes, keysOf, take, onBatch, onGap, signal, logger } = options
  const troubles = new Map<number, LastingTrouble>()
  const outages = createOutageLog({
    logger,
    code: 'HUB_READ_FAILED',
    began: 'the hub cannot read the live topic',
    ended: 'the hub reads again',
  })
  const fail = (partition: number, error: unknown) => {
    troubles.set(partition, lasting(toTrouble(error), troubles.get(partition)))
    outages.failed(error, partition)
  }
  const settle = (partition: number) => {
    if (troubles.delete(partition)) outages.ended(partition)
  }
  const readOn = async (partition: number, onRead: () => void) => {
    const onOutage = (error?: unknown) => (error === undefined ? settle(partition) : fail(partition, error))
    for await (const batch of topic.read(partition, headOf(partition), { signal, maxBytes, onOutage })) {
      const reading = keysOf(batch)
      const keys = reading && (await reading)
      for (const message of batch) take(partition, message, keys)
      settle(partition)
      onRead()
      const sending = onBatch()
      if (sending) await sending
    }
  }
  const readPartition = async (partition: number) => {
    const backoff = createBackoff()
    while (!signal.aborted) {
      try {
        await readOn(partition, backoff.reset)
      } catch (error) {
        fail(partition, error)
        if (error instanceof OffsetGone) await skipGap(partition)
      }
      await backoff.wait(signal)
    }
  }
  /** In an outage the broker cannot say what it keeps: the next try finds the same gap. */
  const skipGap = async (partition: number) => {
    const first = await topic.first(partition).catch(() => undefined)
    if (first !== undefined) onGap(partition, first - 1)
  }
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  return { troubles, done: Promise.all(partitions.map(readPartition)) }
}
