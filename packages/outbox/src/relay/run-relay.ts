import { type Broker, Diverged, type Topic } from '@commitcast/broker'
import {
  type Bell,
  createBackoff,
  createBell,
  createLeases,
  type Health,
  type Lease,
  type Leases,
  type Logger,
  type Sql,
  silentLogger,
  sleep,
} from '@commitcast/worker'
import { givePages } from '../pages/give-pages.ts'
import { readTopic } from '../read-topic.ts'
import { createPartitionPublisher, type PartitionPublisher } from './partition-publisher.ts'
import { createSleeper, type Sleeper } from './sleeper.ts'
import { findEnd, missingMessages } from './take-over.ts'
import { listen } from './wake-up.ts'

export interface RelayOptions {
  readonly sql: Sql
  readonly broker: Broker
  /** The app's name: its topic is `<app>-events`. */
  readonly app: string
  readonly schema: string
  readonly signal: AbortSignal
  /** A direct connection for LISTEN. Without one the relay polls every 100 ms, and writers never notify. */
  readonly listenTo?: string
  /** How often a sleeping relay looks anyway. Default 1,000. */
  readonly pollMs?: number
  /** The most events of one partition that are given in one commit. Default 2,000. */
  readonly maxPage?: number
  readonly leaseTtlMs?: number
  readonly logger?: Logger
}

export interface Relay {
  health(): Health
  /** Resolves when the signal has aborted and everything in flight is settled and handed over. */
  readonly done: Promise<void>
}

/**
 * The relay worker: takes its share of the outbox's partitions, gives their new events offsets and appends them to
 * `<app>-events`, each once and in order, whatever crashes (P1-P4). Several may run; outages are waited out.
 */
export function runRelay(options: RelayOptions): Relay {
  const { logger = silentLogger, signal } = options
  const state: RelayState = { publishers: new Map(), diverged: new Map(), held: [], trouble: 'starting' }
  const done = (async () => {
    const backoff = createBackoff()
    while (!signal.aborted) {
      try {
        await relayUntilTrouble({ ...options, logger }, state, backoff.reset)
      } catch (error) {
        state.trouble = error instanceof Error ? error.message : String(error)
        logger.warn({ err: error }, 'the relay waits and tries again')
        await backoff.wait(signal)
      }
    }
  })()
  return {
    done,
    health: () => ({
      ready: state.trouble === undefined && state.diverged.size === 0,
      partitions: state.held.map((lease) => lease.partition),
      ...(state.trouble !== undefined && { trouble: state.trouble }),
      ...(state.diverged.size > 0 && { diverged: Object.fromEntries(state.diverged) }),
    }),
  }
}

interface RelayState {
  readonly publishers: Map<number, PartitionPublisher>
  readonly diverged: Map<number, string>
  held: readonly Lease[]
  trouble: string | undefined
}

type Running = RelayOptions & { readonly logger: Logger }

/** How long the relay keeps polling after the last event before it sleeps. */
const awakeMs = 200

async function relayUntilTrouble(options: Running, state: RelayState, onProgress: () => void): Promise<void> {
  const { sql, broker, app, schema, logger, leaseTtlMs, pollMs = 1_000, maxPage = 2_000 } = options
  const bell = createBell()
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  options.signal.addEventListener('abort', bell.ring, { once: true, signal: ending.signal })
  const topic = await broker.topic({ name: `${app}-events`, ...(await readTopic(sql, schema)) })
  const leases = createLeases({ sql, schema, group: 'relay', ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }) })
  const sleeper = createSleeper(sql, schema, leases.owner)
  const failures = watchInBackground([
    () => keepLeases(leases, state, { bell, signal }),
    () => keepLeaves(sql, schema, signal),
    ...(options.listenTo === undefined
      ? []
      : [() => listen({ connectionString: options.listenTo!, schema, bell, signal, logger })]),
  ])
  let asleep = false
  try {
    for (let quietSince = Date.now(); !options.signal.aborted; ) {
      failures.rethrow()
      await takeOverNew({ ...options, topic, bell }, state)
      const ready = state.held.filter((lease) => state.publishers.get(lease.partition)?.hasRoom)
      const pages =
        ready.length === 0 ? [] : await givePages(sql, { schema, leases: ready, maxPage }).catch(whenGivenTwice)
      state.trouble = undefined
      onProgress()
      for (const page of pages) state.publishers.get(page.partition)?.add(page.messages)
      if (pages.length > 0) {
        quietSince = Date.now()
        if (asleep) await sleeper.wakeUp()
        asleep = false
      } else if (ready.length < state.held.length - state.diverged.size) {
        await bell.wait(pollMs, signal)
      } else if (options.listenTo === undefined) {
        await bell.wait(Date.now() - quietSince < awakeMs ? 5 : Math.min(100, pollMs), signal)
      } else if (Date.now() - quietSince < awakeMs) {
        await bell.wait(5, signal)
      } else if (!asleep) {
        asleep = true
        void ringForStragglers(await sleeper.fallAsleep(), { sleeper, bell, signal, pollMs }).catch(() => {})
      } else {
        await bell.wait(pollMs, signal)
      }
    }
  } finally {
    ending.abort()
    await Promise.all([...state.publishers.values()].map((publisher) => publisher.settled()))
    state.publishers.clear()
    state.held = []
    await Promise.allSettled([failures.ended, sleeper.wakeUp(), leases.release()])
  }
}

/** Brings the publishers in line with the leases; one in doubt starts again from what the broker has. */
async function takeOverNew(options: Running & { topic: Topic; bell: Bell }, state: RelayState): Promise<void> {
  const { sql, schema, topic, bell, logger } = options
  for (const [partition, publisher] of state.publishers) {
    const isHeld = state.held.some((lease) => lease.partition === partition)
    if (isHeld && publisher.failure === undefined) continue
    await publisher.settled()
    state.publishers.delete(partition)
    if (publisher.failure !== undefined)
      logger.warn({ partition, err: publisher.failure }, 'asking the broker where it ends')
  }
  for (const { partition } of state.held) {
    if (state.publishers.has(partition) || state.diverged.has(partition)) continue
    const at = { sql, schema, topic, partition }
    try {
      const after = await findEnd(at)
      const publisher = createPartitionPublisher({ topic, partition, after, onChange: bell.ring })
      for await (const messages of missingMessages(at, after)) {
        publisher.add(messages)
        while (!publisher.hasRoom && publisher.failure === undefined) await bell.wait(1_000)
        if (publisher.failure !== undefined) break
      }
      state.publishers.set(partition, publisher)
    } catch (error) {
      if (!(error instanceof Diverged)) throw error
      state.diverged.set(partition, error.message)
      logger.error({ partition, err: error }, 'this partition has diverged and stands still')
    }
  }
}

async function keepLeases(leases: Leases, state: RelayState, { bell, signal }: { bell: Bell; signal: AbortSignal }) {
  while (!signal.aborted) {
    const held = await leases.renew()
    const changed = termsOf(held) !== termsOf(state.held)
    state.held = held
    if (changed) bell.ring()
    await sleep(leases.ttlMs / 3, signal)
  }
}

function termsOf(leases: readonly Lease[]): string {
  return leases.map((lease) => `${lease.partition}:${lease.term}`).join()
}

const hourMs = 3_600_000

/** Makes the outbox's coming days, so that writers always find one. */
async function keepLeaves(sql: Sql, schema: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sql.query(`select ${schema}.make_leaves(2)`)
    await sleep(hourMs, signal)
  }
}

/** A transaction that read "awake" before we slept commits without a word: look again, less and less often, till it is gone. */
async function ringForStragglers(
  before: string,
  { sleeper, bell, signal, pollMs }: { sleeper: Sleeper; bell: Bell; signal: AbortSignal; pollMs: number },
): Promise<void> {
  let running = true
  for (let waitMs = 5; running && waitMs < pollMs && !signal.aborted; waitMs *= 2) {
    await sleep(waitMs, signal)
    running = await sleeper.isRunningBefore(before)
    bell.ring()
  }
}

/** Two relays gave the same offsets: the other one's page stands, ours was never there. Look again. */
function whenGivenTwice(error: unknown): [] {
  if ((error as { code?: unknown }).code === '23505') return []
  throw error
}

/** Runs tasks beside a loop, which asks now and then whether one of them failed. */
function watchInBackground(tasks: readonly (() => Promise<void>)[]) {
  let failure: { readonly error: unknown } | undefined
  const ended = Promise.allSettled(
    tasks.map((task) =>
      task().catch((error: unknown) => {
        failure ??= { error }
      }),
    ),
  )
  return {
    ended,
    rethrow() {
      if (failure) throw failure.error
    },
  }
}
