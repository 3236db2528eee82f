import type { Broker, Topic } from '@commitcast/broker'
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
import { checkHome, waitForHome, whyHomeless } from '../epoch/check-home.ts'
import { checkEpoch, EpochEnded } from '../epoch/epoch-end.ts'
import { givePages, isFullPage } from '../pages/give-pages.ts'
import type { Page } from '../pages/page.ts'
import { checkLimit } from '../parked/check-limit.ts'
import { readTopic } from '../read-topic.ts'
import { checkKeepMs } from '../retention/retire-events.ts'
import { boundedSql } from './bounded-sql.ts'
import { keepLeaves } from './keep-leaves.ts'
import { type PartitionRelay, startPartitionRelay } from './partition-relay.ts'
import { createSleeper, type Sleeper } from './sleeper.ts'
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
  /** The most events of one partition that are given in one commit. Default 1,000. */
  readonly maxPage?: number
  /** How long a lease outlives its last renewal. Default 3,500. */
  readonly leaseTtlMs?: number
  /** How long a broker that says less than it acknowledged is given to find the rest, before it is refilled. Default 10,000. */
  readonly lostTailMs?: number
  /** How long events stay in the outbox after their day has ended, at least a day. Default 7 days; `Infinity` keeps them. */
  readonly retentionMs?: number
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
  const { logger = silentLogger, signal, retentionMs = Number.POSITIVE_INFINITY } = options
  checkKeepMs('retentionMs', retentionMs)
  const state: RelayState = { partitions: new Map(), acknowledged: new Map(), held: [], trouble: 'starting' }
  const done = (async () => {
    const backoff = createBackoff()
    while (!signal.aborted) {
      try {
        await relayUntilTrouble({ ...options, logger }, state, backoff.reset)
      } catch (error) {
        if (error instanceof EpochEnded) {
          logger.info({ why: error.message }, 'the relay goes on in the next epoch')
          continue
        }
        const because = whyHomeless(error)
        state.trouble = because ?? (error instanceof Error ? error.message : String(error))
        if (because !== undefined) {
          logger.error({ err: error, because }, 'the relay stands still')
          await waitForHome(options.sql, options.schema, signal)
        } else {
          logger.warn({ err: error }, 'the relay waits and tries again')
          await backoff.wait(signal)
        }
      }
    }
  })()
  return { done, health: () => healthOf(state) }
}

interface RelayState {
  readonly partitions: Map<number, { readonly term: bigint; readonly relay: PartitionRelay }>
  readonly acknowledged: Map<number, number>
  /** The one that `acknowledged` speaks of. */
  epoch?: number
  held: readonly Lease[]
  trouble: string | undefined
  /** Since when an answer of the database is waited for. */
  askedAt?: number | undefined
}

/** A database that takes longer to answer is away, though its connections may stand. */
const silentAfterMs = 3_000

function healthOf({ partitions, askedAt = Infinity, trouble: known }: RelayState): Health {
  const silentMs = Date.now() - askedAt
  const silence = `The database has not answered for ${Math.round(silentMs / 1_000)} s.`
  const trouble = known ?? (silentMs > silentAfterMs ? silence : undefined)
  const troubles = [...partitions].flatMap(([partition, { relay }]) =>
    relay.trouble ? [[partition, relay.trouble]] : [],
  )
  return {
    ready: trouble === undefined && troubles.length === 0,
    partitions: [...partitions.keys()],
    ...(trouble !== undefined && { trouble }),
    ...(troubles.length > 0 && { troubles: Object.fromEntries(troubles) }),
  }
}

type Running = RelayOptions & { readonly logger: Logger }

const answerMs = 30_000

/**
 * From so many events a second on the relay stays awake and polls instead. Commits that notify go one after the other, each
 * with its own flush: 16 writers made a third as many of them here.
 */
const awakeFromPerSecond = 600
/** Below this it sleeps, and is woken by each commit: the fastest way to few events. */
const asleepBelowPerSecond = 300
/** How long it rests while awake: the busier the writers, the more events share a look and its pages. */
const awakeRestMs = (perSecond: number) => Math.min(10, Math.max(2, perSecond / 500))
/** Without LISTEN there is no sleep, only a longer breath after this long without an event. */
const deafAfterMs = 200
const deafPollMs = 100

async function relayUntilTrouble(given: Running, state: RelayState, onProgress: () => void): Promise<void> {
  const options = { ...given, sql: boundedSql(given.sql, answerMs) }
  const { sql, broker, app, schema, logger, leaseTtlMs, listenTo, pollMs = 1_000 } = options
  const bell = createBell()
  const leaseBell = createBell()
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const serverStarted = await checkHome(sql, schema)
  const topic = await broker.topic({ name: `${app}-events`, ...(await readTopic(sql, schema)) })
  if (state.epoch !== topic.epoch) state.acknowledged.clear()
  state.epoch = topic.epoch
  await checkLimit({ sql, schema, topic, logger })
  const leases = createLeases({ sql, schema, group: 'relay', ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }) })
  const sleeper = createSleeper(sql, schema, leases.owner)
  const background = runBeside([
    () => keepLeases(leases, state, { bell, leaseBell, signal }),
    // Not bounded: it waits for others' transactions.
    () => keepLeaves({ ...given, topic, logger, signal }),
    ...(listenTo === undefined
      ? []
      : [() => listen({ connectionString: listenTo, schema, bell, leaseBell, signal, logger })]),
  ])
  const give = createGive({ ...options, topic, bell, serverStarted }, state)
  const rate = createRate()
  let lastFound = Date.now()
  let isAsleep = false
  try {
    while (!signal.aborted) {
      background.rethrow()
      const { found, mayBeMore } = await give()
      state.trouble = undefined
      onProgress()
      rate.add(found)
      if (found > 0) lastFound = Date.now()
      if (listenTo !== undefined && isAsleep && rate.perSecond() >= awakeFromPerSecond) {
        isAsleep = false
        await sleeper.wakeUp()
      } else if (listenTo !== undefined && !isAsleep && rate.perSecond() < asleepBelowPerSecond) {
        isAsleep = true
        void ringForStragglers(await sleeper.fallAsleep(), { sleeper, bell, signal, pollMs }).catch(() => {})
      } else if (!mayBeMore && isAsleep) {
        await bell.wait(pollMs, signal)
      } else if (!mayBeMore) {
        const isDeaf = listenTo === undefined && Date.now() - lastFound > deafAfterMs
        await sleep(isDeaf ? Math.min(deafPollMs, pollMs) : awakeRestMs(rate.perSecond()), signal)
      }
    }
  } finally {
    ending.abort()
    await Promise.all([...state.partitions.values()].map(({ relay }) => relay.stop()))
    state.partitions.clear()
    state.held = []
    await Promise.allSettled([background.ended, sleeper.wakeUp(), leases.release()])
  }
}

/** Two more than three gained nothing here; each is a connection of the pool. */
const busyGroups = 3

interface Given {
  readonly found: number
  /** Whether more were committed before this was given, so that nobody may ring for them. */
  readonly mayBeMore: boolean
}

type Giving = Running & { readonly topic: Topic; readonly bell: Bell; readonly serverStarted: string }

/**
 * Gives pages to the partitions that have room and hands them on; says how many events there were. Under load groups of
 * partitions take turns: while one's pages are read and sent here, the database is at work on the others'.
 * Where there is no room it waits a moment for some.
 */
function createGive(options: Giving, state: RelayState): () => Promise<Given> {
  const { sql, schema, topic, bell, serverStarted, maxPage = 1_000 } = options
  const asked = new Map<number, Promise<{ readonly group: number; readonly pages: readonly Page[] }>>()
  let groups = 1

  const ask = (group: number) => {
    const leases = state.held.filter(
      ({ partition }) => partition % groups === group && state.partitions.get(partition)?.relay.hasRoom,
    )
    const given = leases.length === 0 ? Promise.resolve([]) : givePages(sql, { schema, leases, maxPage, serverStarted })
    const answer = given.catch(whenGivenTwice).then((pages) => ({ group, pages }))
    // Whoever awaits it hears of its failure; nobody may, when we stop.
    answer.catch(() => {})
    asked.set(group, answer)
  }

  return async () => {
    await adopt(options, state)
    if (asked.size === 0) for (let group = 0; group < groups; group++) ask(group)
    const { group, pages } = await Promise.race(asked.values())
    asked.delete(group)
    const count = pages.reduce((sum, page) => sum + page.messages.length, 0)
    const isBusy = count >= maxPage
    if (isBusy && groups > 1) ask(group)
    else if (asked.size === 0) groups = isBusy ? busyGroups : 1
    for (const page of pages) {
      if (page.epoch !== topic.epoch) throw new EpochEnded(topic.epoch)
      state.partitions.get(page.partition)?.relay.add(page.messages)
    }
    const isFull = [...state.partitions.values()].some(({ relay }) => !relay.hasRoom && relay.trouble === undefined)
    if (count === 0 && isFull) await bell.wait(20)
    return {
      found: count,
      mayBeMore: isFull || asked.size > 0 || pages.some((page) => isFullPage(page, maxPage)),
    }
  }
}

const rateMs = 500

/** Events per second over the last moment. */
function createRate() {
  let since = Date.now()
  let count = 0
  let perSecond = 0
  return {
    add(events: number) {
      count += events
    },
    perSecond() {
      const ms = Date.now() - since
      if (ms < rateMs) return perSecond
      perSecond = (count / ms) * 1_000
      since = Date.now()
      count = 0
      return perSecond
    },
  }
}

/** Brings what runs in line with the leases. */
async function adopt(options: Running & { topic: Topic; bell: Bell }, state: RelayState): Promise<void> {
  const { sql, broker, schema, topic, bell, logger, lostTailMs = 10_000 } = options
  const terms = new Map(state.held.map((lease) => [lease.partition, lease.term]))
  for (const [partition, { term, relay }] of state.partitions) {
    if (terms.get(partition) === term) continue
    state.partitions.delete(partition)
    await relay.stop()
  }
  const isNew = [...terms.keys()].some((partition) => !state.partitions.has(partition))
  // A new epoch takes all leases away, so whoever has one of another term may be in it.
  if (isNew) await checkEpoch(sql, { schema, epoch: topic.epoch })
  for (const [partition, term] of terms) {
    if (state.partitions.has(partition)) continue
    const of = {
      sql,
      schema,
      topic,
      partition,
      term,
      logger,
      acknowledged: state.acknowledged,
      lostTailMs,
      reopen: () => broker.topic({ name: topic.name, epoch: topic.epoch, partitions: topic.partitions }),
      onChange: bell.ring,
    }
    state.partitions.set(partition, { term, relay: startPartitionRelay(of) })
  }
}

/** Renews the leases in time, and at once when somebody gives some back. */
async function keepLeases(
  leases: Leases,
  state: RelayState,
  { bell, leaseBell, signal }: { bell: Bell; leaseBell: Bell; signal: AbortSignal },
) {
  while (!signal.aborted) {
    state.askedAt = Date.now()
    const held = await leases.renew()
    state.askedAt = undefined
    const changed = termsOf(held) !== termsOf(state.held)
    state.held = held
    if (changed) bell.ring()
    await leaseBell.wait(leases.renewMs, signal)
  }
}

function termsOf(leases: readonly Lease[]): string {
  return leases.map((lease) => `${lease.partition}:${lease.term}`).join()
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
function runBeside(tasks: readonly (() => Promise<void>)[]) {
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
