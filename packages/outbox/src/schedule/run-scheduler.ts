import { createBackoff, isOutage, type Logger, type OutageLog, type Sql } from '@commitcast/worker'
import { whyOtherCluster } from '../epoch/check-cluster.ts'
import { type DuePosition, type Fired, fireDue, fromTheFirst } from './fire-due.ts'
import type { NextDue } from './next-due.ts'

export interface SchedulerOptions {
  readonly sql: Sql
  readonly schema: string
  readonly nextDue: NextDue
  /** Where no one else looks for what is due next, it does so this often. */
  readonly lookEveryMs: number
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

/** After a look that fired, and while another transaction holds what is due. */
const busyLookMs = 100
/** What comes due within this time fires together. */
const leastRestMs = 10

/**
 * Fires scheduled events: waits for the next one by the database's clock, and continues at once while more are due. Several relays
 * may do it. An error that is no outage is logged, and the look is tried again; the relay's other work continues.
 */
export async function runScheduler(options: SchedulerOptions): Promise<void> {
  const { sql, schema, nextDue, state, logger, outages, signal } = options
  const backoff = createBackoff()
  const wholeLooks = createWholeLooks()
  let after: DuePosition = fromTheFirst
  while (!signal.aborted) {
    try {
      const askedAt = performance.now()
      const isWhole = after.number === undefined && askedAt >= wholeLooks.nextAt
      const found = await fireDue(sql, schema, isWhole ? fromTheFirst : after)
      if (isWhole) wholeLooks.took(askedAt)
      outages.ended()
      backoff.reset()
      report(found, state, logger)
      const hasFired = found.fired + found.refused.length > 0
      if (hasFired) after = found.last
      if (hasFired && found.waitMs !== null && found.waitMs <= 0) continue
      after = { at: after.at }
      nextDue.from = wholeLooks.areCheap ? fromTheFirst.at : after.at
      nextDue.see(restUntilDue(found), askedAt)
      await rest(options, hasFired ? askedAt + busyLookMs : wholeLooks.areCheap ? undefined : wholeLooks.nextAt)
    } catch (error) {
      if (isOutage(error) || whyOtherCluster(error) !== undefined) throw error
      outages.failed(error)
      after = fromTheFirst
      await backoff.wait(signal)
    }
  }
}

const cheapLookMs = 10
const wholeLookShare = 1 / 20
const wholeLookMs = { least: 1_000, most: 60_000 }

/**
 * Looks from the first event on: they find what was committed late, and pass over all rows that were deleted since the oldest
 * transaction of the cluster began. They get a twentieth of the time.
 */
function createWholeLooks() {
  let nextAt = 0
  let areCheap = true
  return {
    get nextAt() {
      return nextAt
    },
    /** Whether every look may be one. */
    get areCheap() {
      return areCheap
    },
    took(since: number) {
      const now = performance.now()
      const pauseMs = (now - since) / wholeLookShare
      nextAt = now + Math.min(wholeLookMs.most, Math.max(wholeLookMs.least, pauseMs))
      areCheap = now - since <= cheapLookMs
    },
  }
}

function restUntilDue({ waitMs }: Fired): number | null {
  if (waitMs === null) return null
  return waitMs <= 0 ? busyLookMs : Math.max(leastRestMs, Math.ceil(waitMs))
}

/** Until the next event is due, a ring, `at`, or until no one has looked for too long. */
async function rest({ nextDue, lookEveryMs, signal }: SchedulerOptions, at = Number.POSITIVE_INFINITY) {
  const quietMs = 1.5 * lookEveryMs
  for (let isOver = false; !isOver && !signal.aborted; ) {
    const ms = Math.min(at, nextDue.at, nextDue.seenAt + quietMs) - performance.now()
    isOver = ms <= 0 || (await nextDue.bell.wait(ms, signal))
  }
}

function report({ refused, lateMs, waitMs }: Fired, state: ScheduleState, logger: Logger): void {
  if (lateMs !== null) state.lateMs = Math.round(lateMs)
  if (waitMs !== null && waitMs < 0) state.overdueMs = Math.round(-waitMs)
  else delete state.overdueMs
  for (const event of refused) {
    logger.warn({ code: 'SCHEDULED_EVENT_REFUSED', ...event }, 'scheduled event refused; it is set aside')
  }
}
