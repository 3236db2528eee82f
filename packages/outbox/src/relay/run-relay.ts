import type { Broker } from '@commitcast/broker'
import {
  createBackoff,
  createBell,
  createLeases,
  createOutageLog,
  type Health,
  type Logger,
  lasting,
  type Sql,
  toTrouble,
  unservedPartitions,
  warningLogger,
} from '@commitcast/worker'
import { bindApp } from '../bind-app.ts'
import { checkCluster, waitForCluster, whyOtherCluster } from '../epoch/check-cluster.ts'
import { EpochEnded } from '../epoch/epoch-end.ts'
import { checkLimit } from '../parked/check-limit.ts'
import { checkKeepMs } from '../retention/retire-events.ts'
import { createNextDue } from '../schedule/next-due.ts'
import { runScheduler } from '../schedule/run-scheduler.ts'
import { readServer } from '../verified/record-verified.ts'
import { createAssigner } from './assigner.ts'
import { boundedSql } from './bounded-sql.ts'
import { keepLeases } from './keep-leases.ts'
import { keepSegments } from './keep-segments.ts'
import { createRelayState, healthOf, type RelayState } from './relay-state.ts'
import { createRest } from './rest.ts'
import { runBeside } from './run-beside.ts'
import { createSleepingRelay } from './sleeping-relay.ts'
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
  /** How often a sleeping relay looks for events, and for scheduled ones that are due, without a notification. Default 1,000. */
  readonly pollMs?: number
  /** The most events of one partition that get offsets in one commit. Default 1,000. */
  readonly maxPage?: number
  /** How long a lease outlives its last renewal. Default 3,500. */
  readonly leaseTtlMs?: number
  /** How long the relay waits for a broker that has less than it acknowledged, before it refills it. Default 10,000. */
  readonly lostTailMs?: number
  /** How long events stay in the outbox after their day has ended, at least a day. Default 7 days; `Infinity` keeps them. */
  readonly retentionMs?: number
  /** How often to look whether a day's segment of the outbox is missing. Default 60,000. */
  readonly segmentCheckMs?: number
  /** Default: warnings and errors, one JSON line each, on standard error. */
  readonly logger?: Logger
}

export interface Relay {
  health(): Health
  /** Resolves when the signal has aborted and everything in flight is settled and handed over. */
  readonly done: Promise<void>
}

/**
 * The relay worker: takes its share of the outbox's partitions, assigns offsets to their new events and appends them to
 * `<app>-events`, each once and in order, whatever crashes (P1-P4). Appends scheduled events when they are due (P11). Several may
 * run; outages are waited out.
 */
export function runRelay(options: RelayOptions): Relay {
  const { logger = warningLogger, signal, retentionMs } = options
  if (retentionMs !== undefined) checkKeepMs('retentionMs', retentionMs)
  const state = createRelayState(logger)
  const done = (async () => {
    const backoff = createBackoff()
    const outages = openOutageLogs(logger)
    const onProgress = () => {
      state.trouble = undefined
      backoff.reset()
      outages.relay.ended()
    }
    while (!signal.aborted) {
      try {
        await relayUntilError({ ...options, logger, outages }, state, onProgress)
      } catch (error) {
        if (error instanceof EpochEnded) {
          logger.info({ why: error.message }, 'relay continues in the next epoch')
          continue
        }
        const because = whyOtherCluster(error)
        const { code, message } = toTrouble(error)
        state.trouble = lasting({ code, message: because ?? message }, state.trouble)
        if (because !== undefined) {
          outages.relay.halted(error, undefined, { code: 'RELAY_HALTED', because })
          await waitForCluster(options.sql, options.schema, signal)
        } else {
          state.brokerLog.failed(error)
          outages.relay.failed(error)
          await backoff.wait(signal)
        }
      }
    }
  })()
  return { done, health: () => healthOf(state) }
}

type Running = RelayOptions & { readonly logger: Logger; readonly outages: ReturnType<typeof openOutageLogs> }

function openOutageLogs(logger: Logger) {
  return {
    relay: createOutageLog({
      logger,
      code: 'RELAY_WAITS',
      began: 'relay waits',
      halted: 'relay halted',
      ended: 'relay continues',
    }),
    partitions: createOutageLog({
      logger,
      code: 'RELAY_PARTITION_WAITS',
      began: 'partition waits',
      halted: 'partition halted',
      ended: 'partition continues',
    }),
    schedule: createOutageLog({
      logger,
      code: 'SCHEDULE_WAITS',
      began: 'could not append scheduled events; retrying',
      ended: 'scheduled events are appended again',
    }),
    listening: createOutageLog({
      logger,
      began: 'could not listen for new events; polling continues',
      code: 'LISTEN_FAILS',
      ended: 'listens for new events again',
    }),
  }
}

const answerMs = 30_000

async function relayUntilError(running: Running, state: RelayState, onProgress: () => void): Promise<void> {
  const options = { ...running, sql: boundedSql(running.sql, answerMs), nextDue: createNextDue() }
  const { sql, broker, app, schema, logger, outages, leaseTtlMs, listenTo, pollMs = 1_000 } = options
  const bell = createBell()
  const leaseBell = createBell()
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const serverStarted = await checkCluster(sql, schema)
  const server = await readServer(sql, schema)
  const topic = await broker.topic({ name: `${app}-events`, ...(await bindApp(sql, schema, app)) })
  if (state.epoch !== topic.epoch) {
    state.acknowledged.clear()
    await checkLimit({ sql, schema, topic, logger })
  }
  state.epoch = topic.epoch
  const leases = createLeases({ sql, schema, group: 'relay', ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }) })
  const unserved = () => unservedPartitions(sql, { schema, group: 'relay' })
  const sleepingRelay = createSleepingRelay(sql, schema, leases.owner)
  const background = runBeside([
    () => keepLeases(leases, state, { bell, leaseBell, unserved, signal }),
    // Not bounded: it waits for others' transactions.
    () => keepSegments({ ...running, topic, logger, signal }),
    () => runScheduler({ ...options, state: state.schedule, lookEveryMs: pollMs, outages: outages.schedule, signal }),
    ...(listenTo === undefined
      ? []
      : [
          () => listen({ ...options, connectionString: listenTo, bell, leaseBell, signal, outages: outages.listening }),
        ]),
  ])
  const assign = createAssigner({ ...options, topic, server, bell, serverStarted, outages: outages.partitions }, state)
  const rest = createRest({ sleepingRelay, bell, signal, pollMs, listens: listenTo !== undefined })
  try {
    while (!signal.aborted) {
      background.rethrow()
      const look = await assign()
      await rest(look)
      if (look.hasAsked || state.isStandby) onProgress()
    }
  } finally {
    ending.abort()
    await Promise.all([...state.partitions.values()].map(({ relay }) => relay.stop()))
    state.partitions.clear()
    state.held = []
    state.isStandby = false
    state.unserved = undefined
    await Promise.allSettled([background.ended, sleepingRelay.wakeUp(), leases.release()])
  }
}
