import { despiteDeadlocks } from './despite-deadlocks.ts'
import type { Sql } from './sql.ts'

/** What one worker of a group sends at a renewal. */
interface RenewalRequest {
  readonly group: string
  readonly owner: string
  readonly ttlMs: number
  /** Owners that are known to be gone. */
  readonly gone: readonly string[]
  readonly release: string | undefined
  readonly yieldsTo: readonly string[]
  /** Partitions at which it is at work: they are not given back. */
  readonly busy: readonly number[]
  /** Whether it takes nothing any more. */
  readonly isLeaving: boolean
}

/** One of the leases that the worker holds now, or, without a term, another owner that is known. */
export interface RenewalRow {
  readonly partition: number | null
  readonly term: string | null
  readonly progress: string | null
  readonly over: boolean
  readonly other: string | null
}

interface Renewal {
  /** The database's server that answered. */
  readonly server: string
  readonly rows: readonly RenewalRow[]
}

/** Renews the leases of all groups of a process: what is asked for at the same time is one statement. */
export interface Renewals {
  renew(request: RenewalRequest): Promise<Renewal>
  /** Resolves after `ms` at most, or when `signal` aborts: for all who wait at the same time. */
  beat(ms: number, signal: AbortSignal): Promise<void>
}

export function createRenewals(sql: Sql, schema: string): Renewals {
  let batch: { readonly requests: RenewalRequest[]; readonly answer: Promise<readonly AnswerRow[]> } | undefined
  const collect = () => {
    const requests: RenewalRequest[] = []
    const answer = nextTurn().then(() => {
      batch = undefined
      const asked = JSON.stringify(requests.map(toAsked).sort(byGroup))
      return despiteDeadlocks(() => sql.query<AnswerRow>(renewSql(schema), [asked]))
    })
    return { requests, answer }
  }
  return {
    async renew(request) {
      batch ??= collect()
      const { requests, answer } = batch
      const nth = requests.push(request) - 1
      const rows = await answer
      return { server: rows[0]!.server, rows: rows.filter((row) => row.nth === nth) }
    },
    beat: createBeat(),
  }
}

interface AnswerRow extends RenewalRow {
  readonly server: string
  readonly nth: number | null
}

function renewSql(schema: string): string {
  return `
    select here.server, renewed.nth, partition, term, progress, is_over as over, other
    from (select ${schema}.server_identity() as server offset 0) as here
    left join lateral (
      select asked.nth, held.*
      from json_to_recordset($1::text::json) as asked(
        nth int, group_name text, owner text, ttl_ms int, gone text[], release bigint, yields_to bigint[], busy int[], is_leaving boolean)
      cross join lateral ${schema}.renew_leases(
        group_name, owner, ttl_ms, gone, release, yields_to, busy, is_leaving) as held
    ) as renewed on true
    order by nth, partition`
}

function toAsked({ group, ttlMs, yieldsTo, isLeaving, ...asked }: RenewalRequest, nth: number) {
  return { ...asked, nth, group_name: group, ttl_ms: Math.ceil(ttlMs), yields_to: yieldsTo, is_leaving: isLeaving }
}

/** All processes in one order: none waits for a row of another that waits for one of its own. */
function byGroup(one: { readonly group_name: string }, other: { readonly group_name: string }): number {
  return one.group_name < other.group_name ? -1 : 1
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** One timer for all who wait: they continue together, so that they ask together. */
function createBeat(): Renewals['beat'] {
  const waiting = new Set<() => void>()
  let timer: NodeJS.Timeout | undefined
  let dueAt = Infinity
  const arm = (ms: number) => {
    const at = performance.now() + ms
    if (at >= dueAt) return
    disarm()
    dueAt = at
    timer = setTimeout(wakeAll, ms)
  }
  const disarm = () => {
    clearTimeout(timer)
    dueAt = Infinity
  }
  const wakeAll = () => {
    for (const wake of waiting) wake()
  }
  return (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const wake = () => {
        waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        if (waiting.size === 0) disarm()
        resolve()
      }
      waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      arm(ms)
    })
}
