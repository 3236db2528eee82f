import { isSkipped } from '@commitcast/outbox'
import { createBackoff, isTimeLimit, type Trouble } from '@commitcast/worker'
import { isPassing } from './is-passing.ts'
import type { Parking } from './parked-queue.ts'
import { reasonOf } from './reason-of.ts'
import type { Failure, GroupTask } from './run-group.ts'
import type { WorkItem } from './work-item.ts'

/** What became of an event: a parking is one that has yet to be written. */
export type Outcome = 'done' | 'not yet' | Parking

export interface TryEventOptions {
  /** Tries it once. What it throws is a failure of this event, or trouble that passes. */
  readonly act: (attempt: number) => Promise<void>
  /** What is thrown on at once: the partition waits and begins again. Default nothing. */
  readonly passes?: (error: unknown) => boolean
  /**
   * Whether other events work meanwhile, `ms` after this one began to fail: then what looks like an outage, or like a lock that
   * others hold, is this event's own. May throw, to begin again.
   */
  readonly othersWork: (ms: number, error: unknown) => Promise<boolean>
}

/**
 * Tries an event until it works, or has failed by itself for as long as the policy says; then returns its parking. An outage
 * is waited out, unless other events work meanwhile. `not yet` where the signal aborted before.
 */
export async function tryEvent(item: WorkItem, task: GroupTask, options: TryEventOptions): Promise<Outcome> {
  const { sql, schema, group, at, signal, waits, logger } = task
  const { onFailure } = group
  const backoff = createBackoff({ maxMs: onFailure.type === 'park' ? 1_000 : 5_000 })
  // What can't be read now can't be read a moment later.
  const isUnreadable = item.unreadable !== undefined
  let failing: { readonly isOwn: boolean; readonly since: number } | undefined
  for (let attempt = 1; !signal.aborted; attempt++) {
    const startedAt = performance.now()
    try {
      await options.act(attempt)
      if (failing) waits()
      return 'done'
    } catch (error) {
      if (signal.aborted) return 'not yet'
      if (options.passes?.(error)) throw error
      const isOwn = !isPassing(error) && !isTimeLimit(error)
      if (failing?.isOwn !== isOwn) failing = { isOwn, since: startedAt }
      const context = { group: at.group, event: item.message.id, type: item.message.type, attempt, err: error }
      waits(troubleOf(item, error, isOwn), error)
      const ms = performance.now() - failing.since
      if (
        onFailure.type === 'park' &&
        ms >= (isUnreadable ? 0 : onFailure.afterMs) &&
        (isOwn || (await options.othersWork(ms, error)))
      ) {
        logger.error({ code: 'EVENT_PARKED', ...context }, 'event parked')
        return { item, attempts: attempt, reason: reasonOf(error, item.message) }
      }
      if (attempt > 1 && (await isSkipped(sql, schema, item.message.id).catch(() => false))) {
        logger.warn({ code: 'EVENT_SKIPPED', ...context }, 'event skipped by an operator')
        waits()
        return 'done'
      }
      await backoff.wait(signal)
    }
  }
  return 'not yet'
}

/** Tries a parked event once more. Returns why it failed again; throws what passes. */
export async function tryAgain(act: () => Promise<void>, signal: AbortSignal): Promise<Failure | undefined> {
  try {
    await act()
    return undefined
  } catch (error) {
    if (signal.aborted || isPassing(error)) throw error
    return { error }
  }
}

/** Whether the group has committed anything in another partition within the last `ms`. */
export async function othersCommitted({ sql, schema, at }: GroupTask, ms: number): Promise<boolean> {
  const rows = await sql.query(
    `select from ${schema}.group_offset where group_name = $1 and partition <> $2 and not is_start
       and committed_at > clock_timestamp() - make_interval(secs => $3::float8 / 1000) limit 1`,
    [at.group, at.partition, ms],
  )
  return rows.length > 0
}

function troubleOf({ message }: WorkItem, error: unknown, isOwn: boolean): Trouble {
  const words = `Event ${message.id} (${message.type}) at offset ${message.offset} fails and is tried again: ${reasonOf(error, message)}`
  return { code: isOwn ? 'GROUP_EVENT_FAILS' : 'GROUP_WAITS_FOR_OUTAGE', message: words }
}
