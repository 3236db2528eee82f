import { randomUUID } from 'node:crypto'
import { type Sql, sleep } from '@commitcast/worker'
import type { Segment } from './segment.ts'
import { isHeldUp, tryBriefly } from './try-briefly.ts'

export interface DetachOptions {
  readonly schema: string
  /** How long to wait for transactions that use the outbox. */
  readonly patienceMs: number
  readonly signal?: AbortSignal
}

/**
 * Takes a segment out of the outbox; appends continue meanwhile, and so do new segments. It waits for the transactions that use the
 * outbox now, holding no lock. When patience ends, `signal` aborts or others queue behind it, it is cancelled and the segment
 * stays `detaching`: no new statement sees it, and `finalizeSegment` has the rest. False where it is not through.
 *
 * It can't run in a transaction or a function, so no time-out can be set for it through a pool. It is cancelled from
 * another connection, by the mark in its text.
 */
export async function detachSegment(sql: Sql, { table }: Segment, options: DetachOptions): Promise<boolean> {
  const { schema, patienceMs, signal } = options
  const mark = `/* retention ${randomUUID()} */`
  const ended = new AbortController()
  const act = sql
    .query(`${mark} alter table ${schema}.outbox detach partition ${table} concurrently`)
    .then(() => true)
    .catch((error: unknown) => {
      if (isHeldUp(error)) return false
      throw error
    })
    .finally(() => ended.abort())
  const patience = AbortSignal.any([ended.signal, AbortSignal.timeout(patienceMs), ...(signal ? [signal] : [])])
  const cancelled = untilInTheWay(sql, mark, patience).finally(() => cancel(sql, mark, ended.signal))
  const [isThrough] = await Promise.all([act, cancelled])
  return isThrough
}

const lookMs = 250

/**
 * Resolves when others wait for the statement, or patience ends. Once it waits for a reader of the segment itself, a statement that asks
 * for the segment queues behind it: a statement whose snapshot is older than the detach still does.
 */
async function untilInTheWay(sql: Sql, mark: string, patience: AbortSignal): Promise<void> {
  while (!patience.aborted) {
    await sleep(lookMs, patience)
    if (patience.aborted || (await isInTheWay(sql, mark))) return
  }
}

async function isInTheWay(sql: Sql, mark: string): Promise<boolean> {
  const rows = await sql.query(
    `select from pg_stat_activity as detach
     join pg_locks as waiting on not waiting.granted and waiting.database = detach.datid
       and detach.pid = any (pg_blocking_pids(waiting.pid))
     where starts_with(detach.query, $1) and detach.state = 'active' limit 1`,
    [mark],
  )
  return rows.length > 0
}

/** Again and again, because the statement may still wait for a connection of the pool. */
async function cancel(sql: Sql, mark: string, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await sql.query(
      `select pg_cancel_backend(pid) from pg_stat_activity
       where starts_with(query, $1) and state = 'active' and pid <> pg_backend_pid()`,
      [mark],
    )
    await sleep(100, ended)
  }
}

const finalizeTries = 5

/**
 * Ends a detach that was interrupted. It waits for snapshots that may still show the segment and for readers of the segment
 * itself, not for idle writers. Because it locks new segments out while it waits, it does so briefly, a few times. False where
 * there still is one.
 */
export async function finalizeSegment(sql: Sql, schema: string, { table }: Segment): Promise<boolean> {
  for (let tries = 1; tries <= finalizeTries; tries++) {
    if (await tryBriefly(sql, `alter table ${schema}.outbox detach partition ${table} finalize;`)) return true
    await sleep(50)
  }
  return false
}

/** Drops a segment that is detached. False where a transaction still reads it. */
export function dropSegment(sql: Sql, { table }: Segment): Promise<boolean> {
  return tryBriefly(sql, `drop table if exists ${table};`)
}
