import { endOf, type Message, OffsetGone, readDefaults, type Topic } from '@commitcast/broker'
import { encodeCursor, type Upcast } from '@commitcast/events'
import {
  createBackoff,
  createOutageLog,
  type Health,
  type LastingTrouble,
  type Logger,
  lasting,
  partitionsHealth,
  silence,
  sleep,
  toTrouble,
  warningLogger,
} from '@commitcast/worker'
import { type HubLimits, hubLimitsWithDefaults } from './hub-limits.ts'
import { createLiveDecoder } from './live-decoder.ts'
import { toLiveEntry } from './live-entry.ts'
import { createLogCache, type LogCache } from './log-cache.ts'
import { createRing, type Ring, type RingEntry } from './ring.ts'
import { createRunQueue, type Task } from './run-queue.ts'
import { createShown, type Shown, type ShownOptions } from './shown.ts'
import { createTopicEnds } from './topic-ends.ts'

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
  readonly signal: AbortSignal
  /** The catalogue's: for messages that were made before it changed. Without it they stay as they are. */
  readonly upcast?: Upcast
  readonly logger?: Logger
}

/** A task that the hub wakes for events. */
export interface Followed extends Task {
  /**
   * What has come for it since its last step: the first event on its channels, or a gap. Set by the hub for one that has
   * `keepUp`, and taken out by the step.
   */
  wokenBy?: RingEntry | 'gap' | undefined
  /** Called when cursors of some time ago are about to be too old to be continued. */
  keepUp?(): void
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
  /** Runs a step of `task` soon, by turns with the others. */
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
  const { topic, epochNow, onEnded, readShown, logger = warningLogger } = options
  const limits = hubLimitsWithDefaults(options)
  const starts = await Promise.all(
    Array.from({ length: topic.partitions }, async (_, partition) => {
      const [first, last] = await Promise.all([topic.first(partition), topic.last(partition)])
      return Math.max(first - 1, (last?.offset ?? 0) - limits.prime)
    }),
  )
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const shown = readShown && createShown({ read: readShown, epoch: topic.epoch, signal, logger })
  let heads: readonly number[] = starts
  const ring = createRing({ starts, maxBytes: limits.maxRingBytes })
  const attached = new Map<string, Set<Followed>>()
  const steps = createRunQueue()
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  const troubles = new Map<number, LastingTrouble>()
  const outages = createOutageLog({
    logger,
    about: { code: 'HUB_READ_FAILED' },
    began: 'the hub cannot read the live topic',
    ended: 'the hub reads again',
  })
  let databaseTrouble: LastingTrouble | undefined
  let askedAt: number | undefined
  const decoder = createLiveDecoder({ ...options, epoch: topic.epoch })
  const logCache = createLogCache({
    topic,
    headOf: (partition) => heads[partition]!,
    lastOf: options.lastAssigned ?? ((partition) => endOf(topic, partition)),
    decoder,
    signal,
    maxBytes: limits.maxLogCacheBytes,
  })

  const take = (partition: number, message: Message) => {
    heads = heads.with(partition, message.offset)
    const before = decoder.timeline
    const parts = toLiveEntry(message, { partition, decoder, keeper: ring })
    if (!parts) return
    const cursor = encodeCursor({ epoch: topic.epoch, offsets: heads })
    const entry = ring.add({ ...parts, heads, cursor })
    for (const channel of entry.channels) wake(attached.get(channel), entry)
    // The states of followers may show what the new primary never had: they are read again, whatever those follow.
    if (decoder.timeline > before) wakeAll(entry)
  }

  const wake = (tasks: ReadonlySet<Followed> | undefined, why: RingEntry | 'gap') => {
    if (!tasks) return
    for (const task of tasks) {
      if (task.keepUp) task.wokenBy ??= why
      steps.add(task)
    }
  }

  const wakeAll = (why: RingEntry | 'gap') => {
    for (const tasks of attached.values()) wake(tasks, why)
  }

  const keepUpAfter = Math.max(minKeepUp, limits.maxCatchUp / 2)
  /** The heads when followers were last asked to keep up. */
  let keptUp = heads
  const keepUp = () => {
    if (!heads.some((_, partition) => ring.tail(partition) - keptUp[partition]! >= keepUpAfter)) return
    keptUp = heads
    for (const tasks of attached.values()) for (const task of tasks) task.keepUp?.()
  }

  // All partitions read ahead at once: together no more than the ring may keep, and enough for a few events each.
  const maxBytes = Math.min(
    readDefaults.maxBytes,
    Math.max(100_000, Math.floor(limits.maxRingBytes / topic.partitions)),
  )
  const readPartition = async (partition: number) => {
    const backoff = createBackoff()
    const fail = (error: unknown) => {
      troubles.set(partition, lasting(toTrouble(error), troubles.get(partition)))
      outages.failed(error, partition)
    }
    const settle = () => {
      if (troubles.delete(partition)) outages.ended(partition)
    }
    const onOutage = (error?: unknown) => (error === undefined ? settle() : fail(error))
    while (!signal.aborted) {
      try {
        for await (const batch of topic.read(partition, heads[partition]!, { signal, maxBytes, onOutage })) {
          for (const message of batch) take(partition, message)
          keepUp()
          settle()
          backoff.reset()
          // A follower is woken once for a batch. While those that keep up have more to get than one turn can give, nothing
          // more is read.
          const sending = steps.run()
          if (sending) await sending
        }
      } catch (error) {
        fail(error)
        // In an outage the broker cannot say what it keeps: the next try finds the same gap.
        if (error instanceof OffsetGone) await skipGap(partition).catch(() => {})
      }
      await backoff.wait(signal)
    }
  }

  const skipGap = async (partition: number) => {
    const kept = (await topic.first(partition)) - 1
    heads = heads.with(partition, Math.max(heads[partition]!, kept))
    ring.skipTo(partition, heads[partition]!)
    // What was skipped may concern any client: followers resync, permissions are asked about again.
    wakeAll('gap')
  }

  const endUnlessIn = (epoch: number) => {
    if (epoch === topic.epoch || ending.signal.aborted) return
    logger.info({ code: 'HUB_EPOCH_CHANGED', epoch, before: topic.epoch }, 'the hub continues in another epoch')
    ending.abort()
    onEnded?.()
    wakeAll('gap')
  }

  const watchEpoch = async () => {
    const outages = createOutageLog({
      logger,
      about: { code: 'HUB_EPOCH_UNKNOWN' },
      began: 'the hub cannot ask the database for the epoch',
      ended: 'the hub can ask the database again',
    })
    while (epochNow) {
      await sleep(epochLookMs * (0.5 + Math.random()), signal)
      if (signal.aborted) return
      askedAt = Date.now()
      try {
        endUnlessIn(await epochNow())
        databaseTrouble = undefined
        outages.ended()
      } catch (error) {
        // The topic outlives an outage of the database.
        databaseTrouble = lasting(toTrouble(error), databaseTrouble)
        outages.failed(error)
      }
      askedAt = undefined
    }
  }

  return {
    topic,
    ring,
    logCache,
    limits,
    shown,
    get heads() {
      return heads
    },
    get timeline() {
      return decoder.timeline
    },
    get hasEnded() {
      return ending.signal.aborted
    },
    ends: createTopicEnds(topic),
    endUnlessIn,
    soon: steps.add,
    attach(channels, task) {
      for (const channel of channels) {
        const tasks = attached.get(channel) ?? new Set()
        attached.set(channel, tasks.add(task))
      }
      return () => {
        for (const channel of channels) {
          const tasks = attached.get(channel)
          tasks?.delete(task)
          if (tasks?.size === 0) attached.delete(channel)
        }
      }
    },
    health: () => ({
      ...partitionsHealth(
        databaseTrouble ?? silence(askedAt),
        new Map(partitions.map((partition) => [partition, troubles.get(partition)])),
      ),
      heads: [...heads],
      unreadable: decoder.unreadable,
    }),
    done: Promise.all([watchEpoch(), shown?.done, ...heads.map((_, partition) => readPartition(partition))]).then(
      () => {},
    ),
  }
}

const epochLookMs = 4_000
/** Checkpoints are not sent before so many messages of a partition have left the ring. */
const minKeepUp = 500
