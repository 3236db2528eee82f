import { type Message, OffsetGone, type Topic } from '@commitcast/broker'
import { channelsOf, encodeCursor, type LiveEvent, type Upcast } from '@commitcast/events'
import { type Bell, createBackoff, type Health, type Logger, silentLogger, sleep } from '@commitcast/worker'
import { createLiveDecoder } from './live-decoder.ts'
import { createRing, type Ring, type RingEntry } from './ring.ts'

export interface HubOptions {
  /** The live topic, `<app>-live`. */
  readonly topic: Topic
  /** The topic's epoch by now, asked every few seconds: when there is another one, this hub ends. Without it, it never does. */
  readonly epochNow?: () => Promise<number>
  /** Told that the hub has ended because of that: another one has to be started. */
  readonly onEnded?: () => void
  readonly signal: AbortSignal
  /** How much recent past the ring keeps. Default 64 MiB of message bodies. */
  readonly maxRingBytes?: number
  /** How many messages of each partition are read back at start, so that clients that return find them. Default 1,000. */
  readonly prime?: number
  /** The catalogue's: for messages that were made before it changed. Without it they stay as they are. */
  readonly upcast?: Upcast
  readonly logger?: Logger
}

/** One per API process: reads each partition of the live topic once, whatever the number of clients. */
export interface Hub {
  readonly topic: Topic
  readonly ring: Ring
  /** How far it has come in each partition. */
  readonly heads: readonly number[]
  /** The event of a message of the topic that is not a filler, in the version that the catalogue knows. Never throws for its version. */
  decode(message: Message, partition: number): LiveEvent
  /** Rings `bell` whenever something arrives on one of these channels, until the returned function is called. */
  attach(channels: readonly string[], bell: Bell): () => void
  /** Whether the topic has gone on to another epoch. Whoever follows this hub has to resync at the next one. */
  readonly hasEnded: boolean
  /** Ends it where the topic's epoch is not this one's; wakes all who follow it. */
  endUnlessIn(epoch: number): void
  health(): Health
  /** Resolves when the signal has aborted and all reading has ended. */
  readonly done: Promise<void>
}

/** Starts a hub. Resolves when it knows where the topic ends; from then on it can be followed. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { topic, epochNow, onEnded, maxRingBytes = 64 * 1024 * 1024, prime = 1_000, logger = silentLogger } = options
  const starts = await Promise.all(
    Array.from({ length: topic.partitions }, async (_, partition) => {
      const [first, last] = await Promise.all([topic.first(partition), topic.last(partition)])
      return Math.max(first - 1, (last?.offset ?? 0) - prime)
    }),
  )
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const heads = [...starts]
  const ring = createRing({ starts, maxBytes: maxRingBytes })
  const bells = new Map<string, Set<Bell>>()
  const troubles = new Map<number, string>()
  const decode = createLiveDecoder({ ...options, epoch: topic.epoch })

  const take = (partition: number, message: Message) => {
    heads[partition] = message.offset
    const channels = channelsOf(message)
    if (channels.length === 0) return
    ring.add(toEntry(message, { epoch: topic.epoch, partition, heads: [...heads], channels, decode }))
    for (const channel of channels) for (const bell of bells.get(channel) ?? []) bell.ring()
  }

  const readPartition = async (partition: number) => {
    const backoff = createBackoff()
    while (!signal.aborted) {
      try {
        for await (const batch of topic.read(partition, heads[partition]!, { signal })) {
          for (const message of batch) take(partition, message)
          troubles.delete(partition)
          backoff.reset()
        }
      } catch (error) {
        troubles.set(partition, String(error))
        logger.error({ partition, err: error }, 'the hub can not read this partition')
        // In an outage nobody knows what is kept: the next try finds the same gap.
        if (error instanceof OffsetGone) await skipGap(partition).catch(() => {})
      }
      await backoff.wait(signal)
    }
  }

  const skipGap = async (partition: number) => {
    heads[partition] = Math.max(heads[partition]!, (await topic.first(partition)) - 1)
    ring.skipTo(partition, heads[partition]!)
  }

  const endUnlessIn = (epoch: number) => {
    if (epoch === topic.epoch || ending.signal.aborted) return
    logger.info({ epoch, before: topic.epoch }, 'the hub goes on in another epoch')
    ending.abort()
    onEnded?.()
    for (const set of bells.values()) for (const bell of set) bell.ring()
  }

  const watchEpoch = async () => {
    while (epochNow) {
      await sleep(epochLookMs * (0.5 + Math.random()), signal)
      if (signal.aborted) return
      // The topic outlives an outage of the database.
      endUnlessIn(await epochNow().catch(() => topic.epoch))
    }
  }

  return {
    topic,
    ring,
    heads,
    get hasEnded() {
      return ending.signal.aborted
    },
    endUnlessIn,
    decode,
    attach(channels, bell) {
      for (const channel of channels) {
        const set = bells.get(channel) ?? new Set()
        bells.set(channel, set.add(bell))
      }
      return () => {
        for (const channel of channels) {
          const set = bells.get(channel)
          set?.delete(bell)
          if (set?.size === 0) bells.delete(channel)
        }
      }
    },
    health: () => ({
      ready: troubles.size === 0,
      heads: [...heads],
      ...(troubles.size > 0 && { troubles: Object.fromEntries(troubles) }),
    }),
    done: Promise.all([watchEpoch(), ...heads.map((_, partition) => readPartition(partition))]).then(() => {}),
  }
}

const epochLookMs = 4_000

/** What an entry costs beside its body, roughly. */
const entryBytes = 400

function toEntry(
  message: Message,
  {
    epoch,
    partition,
    heads,
    channels,
    decode,
  }: Pick<RingEntry, 'partition' | 'heads' | 'channels'> & { epoch: number; decode: Hub['decode'] },
) {
  let event: LiveEvent | undefined
  return {
    partition,
    offset: message.offset,
    tx: BigInt(message.tx),
    channels,
    bytes: message.body.length + entryBytes,
    heads,
    cursor: encodeCursor({ epoch, offsets: heads }),
    get event() {
      event ??= decode(message, partition)
      return event
    },
  }
}
