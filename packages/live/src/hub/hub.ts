import { endOf, type Message, readDefaults, type Topic } from '@commitcast/broker'
import { encodeCursor, type Upcast } from '@commitcast/events'
import type { Keys } from '@commitcast/outbox'
import { type Health, type Logger, partitionsHealth, warningLogger } from '@commitcast/worker'
import { createAttached, type Followed } from './attached.ts'
import { type HubLimits, hubLimitsWithDefaults } from './hub-limits.ts'
import { createLiveDecoder, type LiveDecoder } from './live-decoder.ts'
import { forgetErased, toLiveEntry } from './live-entry.ts'
import { createLogCache, type LogCache } from './log-cache.ts'
import { createPersonalKeys, type PersonalOptions } from './personal-keys.ts'
import { readTopic, type TopicReader } from './read-topic.ts'
import { createRing, type Ring } from './ring.ts'
import { createRunQueue, type Task } from './run-queue.ts'
import { createShown, type Shown, type ShownOptions } from './shown.ts'
import { createTopicEnds } from './topic-ends.ts'
import { type EpochWatch, watchEpoch } from './watch-epoch.ts'

export interface HubOptions extends Partial<HubLimits> {
  /** The live topic, `<app>-live`. */
  readonly topic: Topic
  /** The topic's epoch by now, asked every few seconds: when there is another one, this hub ends. Without it, it never does. */
  readonly epochNow?: () => Promise<number>
  /** Called when the hub has ended because of that: another one has to be started. */
  readonly onEnded?: () => void
  /**
   * The last offset that was given in a partition: a cursor up to there can be continued, also while the broker has lost
   * its newest messages and gets them back. Without it the broker is asked where it ends.
   */
  readonly lastAssigned?: (partition: number) => Promise<number>
  /**
   * Reads what a snapshot of the database shows of the topic; default the one of now. Without it the cursors of state-first
   * subscriptions carry the snapshot of their state for ever.
   */
  readonly readShown?: ShownOptions['read']
  /** How personal fields are read. Without it they are erased. */
  readonly personal?: PersonalOptions
  readonly signal: AbortSignal
  /** The catalogue's: for messages that were made before it changed. Without it they stay as they are. */
  readonly upcast?: Upcast
  readonly logger?: Logger
}

/** One per API process: reads each partition of the live topic once, whatever the number of clients. */
export interface Hub {
  readonly topic: Topic
  readonly ring: Ring
  /** The log behind the ring. */
  readonly logCache: LogCache
  readonly limits: HubLimits
  /** How far it has come in each partition. Another array whenever it has come further. */
  readonly heads: readonly number[]
  /** Where the topic ends in each partition, at the moment of asking or later: the hub may be behind. Rejects in an outage. */
  ends(): Promise<readonly number[]>
  /** Runs `task` once for each batch with something on one of these channels, until the returned function is called. */
  attach(channels: readonly string[], task: Followed): () => void
  /** Runs a step of `task` soon, alternating with the others. */
  soon(task: Task): void
  /** Whether the topic has another epoch by now. Followers of this hub have to resync at the next one. */
  readonly hasEnded: boolean
  /** The latest timeline of the database under which a live message that was read here was made; 0 where none was read. */
  readonly timeline: number
  /** How far states hide events; none where no one can be asked. */
  readonly shown: Shown | undefined
  /** Ends it where the topic's epoch is not this one's; wakes all who follow it. */
  endUnlessIn(epoch: number): void
  health(): Health
  /** Resolves when the signal has aborted and all reading has ended. */
  readonly done: Promise<void>
}

/** Starts a hub. Resolves when it knows where the topic ends; from then on it can be followed. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const limits = hubLimitsWithDefaults(options)
  return new TopicHub({ ...options, limits, starts: await startsOf(options.topic, limits.prime) })
}

/** Where reading begins in each partition: so many messages before its end. */
function startsOf(topic: Topic, prime: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: topic.partitions }, async (_, partition) => {
      const [first, last] = await Promise.all([topic.first(partition), topic.last(partition)])
      return Math.max(first - 1, (last?.offset ?? 0) - prime)
    }),
  )
}

interface StartedOptions extends HubOptions {
  readonly limits: HubLimits
  readonly starts: readonly number[]
}

/** Checkpoints are not sent before so many messages of a partition have left the ring. */
const minKeepUp = 500

/** Its functions may be called without it, and another object may inherit from it: so they are fields, and what is private is so in types. */
class TopicHub implements Hub {
  readonly topic: Topic
  readonly limits: HubLimits
  readonly ring: Ring
  readonly logCache: LogCache
  readonly shown: Shown | undefined
  readonly ends: () => Promise<readonly number[]>
  readonly done: Promise<void>
  heads: readonly number[]
  private readonly options: HubOptions
  private readonly logger: Logger
  private readonly ending = new AbortController()
  private readonly steps = createRunQueue()
  private readonly attached = createAttached(this.steps)
  private readonly decoder: LiveDecoder
  private readonly reader: TopicReader
  private readonly epochWatch: EpochWatch
  /** The heads when followers were last asked to keep up. */
  private keptUp: readonly number[]

  constructor(options: StartedOptions) {
    const { topic, limits, starts, epochNow, lastAssigned, readShown, logger = warningLogger } = options
    const signal = AbortSignal.any([options.signal, this.ending.signal])
    this.options = options
    this.logger = logger
    this.topic = topic
    this.limits = limits
    this.heads = starts
    this.keptUp = starts
    this.ends = createTopicEnds(topic)
    this.ring = createRing({ starts, maxBytes: limits.maxRingBytes })
    const onErased = (subjects: ReadonlySet<string>) => this.forget(subjects)
    const personalKeys = createPersonalKeys({ personal: options.personal, onErased, signal })
    const { keysOf } = personalKeys
    this.decoder = createLiveDecoder({ ...options, epoch: topic.epoch, erased: personalKeys.erased })
    const headOf = (partition: number) => this.heads[partition]!
    this.logCache = createLogCache({
      ...{ topic, headOf, decoder: this.decoder, keysOf, signal, maxBytes: limits.maxLogCacheBytes },
      lastOf: lastAssigned ?? ((partition) => endOf(topic, partition)),
    })
    const shown = readShown && createShown({ read: readShown, epoch: topic.epoch, signal, logger })
    this.shown = shown
    this.epochWatch = watchEpoch({ epochNow, onEpoch: (epoch) => this.endUnlessIn(epoch), signal, logger })
    this.reader = readTopic({
      ...{ topic, headOf, keysOf, signal, logger, maxBytes: readBytesOf(limits, topic) },
      take: (partition, message, keys) => this.take(partition, message, keys),
      onBatch: () => this.send(),
      onGap: (partition, offset) => this.skipTo(partition, offset),
    })
    this.done = Promise.all([this.epochWatch.done, shown?.done, this.reader.done])
      .then(() => personalKeys.done)
      .then(() => {})
  }

  get timeline(): number {
    return this.decoder.timeline
  }

  get hasEnded(): boolean {
    return this.ending.signal.aborted
  }

  readonly attach = (channels: readonly string[], task: Followed): (() => void) => {
    return this.attached.attach(channels, task)
  }

  readonly soon = (task: Task): void => {
    this.steps.add(task)
  }

  readonly endUnlessIn = (epoch: number): void => {
    if (epoch === this.topic.epoch || this.hasEnded) return
    const about = { code: 'HUB_EPOCH_CHANGED', epoch, before: this.topic.epoch }
    this.logger.info(about, 'the hub continues in another epoch')
    this.ending.abort()
    this.options.onEnded?.()
    this.attached.wakeAll('gap')
  }

  readonly health = (): Health => {
    const { troubles } = this.reader
    const byPartition = new Map(this.heads.map((_, partition) => [partition, troubles.get(partition)]))
    return {
      ...partitionsHealth(this.epochWatch.trouble(), byPartition),
      heads: [...this.heads],
      unreadable: this.decoder.unreadable,
    }
  }

  private take(partition: number, message: Message, keys: Keys | undefined): void {
    const [decoder, ring] = [this.decoder, this.ring]
    this.heads = this.heads.with(partition, message.offset)
    const before = decoder.timeline
    const parts = toLiveEntry(message, { partition, decoder, keeper: ring, keys })
    if (!parts) return
    const { heads } = this
    const entry = ring.add({ ...parts, heads, cursor: encodeCursor({ epoch: this.topic.epoch, offsets: heads }) })
    this.attached.wake(entry)
    // The states of followers may show what the new primary never had: they are read again, whatever those follow.
    if (decoder.timeline > before) this.attached.wakeAll(entry)
  }

  /**
   * Runs what a batch has woken; a follower is woken once for a batch. While those that keep up have more to get than one
   * turn can give, nothing more is read.
   */
  private send(): Promise<void> | undefined {
    this.keepUp()
    return this.steps.run()
  }

  private keepUp(): void {
    const after = Math.max(minKeepUp, this.limits.maxCatchUp / 2)
    if (!this.keptUp.some((offset, partition) => this.ring.tail(partition) - offset >= after)) return
    this.keptUp = this.heads
    this.attached.keepUp()
  }

  private forget(erased: ReadonlySet<string>): void {
    for (const entry of this.ring.entries()) forgetErased(entry, erased)
    for (const entry of this.logCache.entries()) forgetErased(entry, erased)
  }

  private skipTo(partition: number, offset: number): void {
    const head = Math.max(this.heads[partition]!, offset)
    this.heads = this.heads.with(partition, head)
    this.ring.skipTo(partition, head)
    // What was skipped may concern any client: followers resync, permissions are asked about again.
    this.attached.wakeAll('gap')
  }
}

/** All partitions read ahead at once: together no more than the ring may keep, and enough for a few events each. */
function readBytesOf({ maxRingBytes }: HubLimits, { partitions }: Topic): number {
  return Math.min(readDefaults.maxBytes, Math.max(100_000, Math.floor(maxRingBytes / partitions)))
}
