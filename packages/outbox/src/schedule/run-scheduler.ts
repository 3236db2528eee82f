import { type Bell, createBackoff, isOutage, type Logger, type OutageLog, type Sql } from '@commitcast/worker'
import { whyOtherCluster } from '../epoch/check-cluster.ts'
import { type Fired, fireDue, fromTheFirst } from './fire-due.ts'

export interface SchedulerOptions {
  readonly sql: Sql
  readonly schema: string
  /** How often it looks without a notification. */
  readonly lookEveryMs: number
  /** Rings where an event was scheduled that may be due before the next look. */
  readonly bell: Bell
  readonly state: ScheduleState
  readonly logger: Logger
  readonly outages: OutageLog
  readonly signal: AbortSignal
}

/** What a relay knows of the scheduled events. */
export interface ScheduleState {
  /** How long after its time the last event was appended, in ms; of those that were appended together, the oldest. */
  lateMs?: number
  /** How long the oldest event that is due waits, in ms. Missing where none is. */
  overdueMs?: number
}

/** Behind a look that fired, and where another transaction holds what is due. */
const busyLookMs = 100
/** What comes due within this time fires together. */
const leastRestMs = 10
/** A look from the first event on passes over all that were deleted since the oldest transaction began: it gets this share of the time. */
const wholeLookShare = 1 / 20
const wholeLookLeastMs = 1_000
const wholeLookMostMs = 60_000

/**
 * Fires scheduled events: waits for the next one by the database's clock, looks at least every `lookEveryMs`, and continues at once
 * while more are due. Several relays may do it. An error that is no outage is logged, and the look is tried again; the relay's other
 * work continues.
 */
export async function runScheduler(options: SchedulerOptions): Promise<void> {
  const { sql, schema, lookEveryMs, bell, state, logger, outages, signal } = options
  const backoff = createBackoff()
  let after = fromTheFirst
  let wholeLookAt = 0
  while (!signal.aborted) {
    try {
      const began = performance.now()
      const isWhole = began >= wholeLookAt && after.number === undefined
      const found = await fireDue(sql, schema, isWhole ? fromTheFirst : after)
      if (isWhole) {
        const tookMs = performance.now() - began
        wholeLookAt = began + Math.min(wholeLookMostMs, Math.max(wholeLookLeastMs, tookMs / wholeLookShare))
      }
      outages.ended()
      backoff.reset()
      note(found, state, logger)
      const isDone = found.fired + found.refused.length > 0
      const restMs = restAfter(found, isDone, lookEveryMs)
      after = isDone ? found.last : after
      if (restMs === 0) continue
      after = { at: after.at }
      await bell.wait(restMs, signal)
    } catch (error) {
      if (isOutage(error) || whyOtherCluster(error) !== undefined) throw error
      outages.failed(error)
      after = fromTheFirst
      await backoff.wait(signal)
    }
  }
}

function restAfter({ waitMs }: Fired, isDone: boolean, lookEveryMs: number): number {
  const dueInMs = waitMs === null ? lookEveryMs : Math.ceil(waitMs)
  if (dueInMs <= 0) return isDone ? 0 : busyLookMs
  return Math.max(leastRestMs, Math.min(dueInMs, isDone ? busyLookMs : lookEveryMs))
}

function note({ refused, lateMs, waitMs }: Fired, state: ScheduleState, logger: Logger): void {
  if (lateMs !== null) state.lateMs = Math.round(lateMs)
  if (waitMs !== null && waitMs < 0) state.overdueMs = Math.round(-waitMs)
  else delete state.overdueMs
  for (const event of refused) {
    logger.warn({ code: 'SCHEDULED_EVENT_REFUSED', ...event }, 'scheduled event refused; it is set aside')
  }
}
