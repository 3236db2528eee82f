import { isoTime } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** An instance of a process, without its state. */
export interface ProcessInstance {
  readonly process: string
  readonly instance: string
  readonly status: string
  readonly incarnation: number
  /** ISO 8601 in UTC, as are the other times. */
  readonly startedAt: string
  readonly changedAt: string
  /** Null while it runs. */
  readonly finishedAt: string | null
  /** Its next time-out, and when it fires; null where none is set. */
  readonly nextTimeout: string | null
  readonly nextTimeoutAt: string | null
  /** How many of its events are parked; it takes no other until the first of them is done. */
  readonly parked: number
}

/** An instance with its state, and what it did. */
export interface ProcessInstanceInFull extends ProcessInstance {
  readonly state: unknown
  /** The same as it is stored. */
  readonly stateText: string
  /** How many inputs it has taken, and how many came after it had finished. */
  readonly taken: number
  readonly ignored: number
  readonly timeouts: readonly { readonly name: string; readonly at: string }[]
  /** Oldest first; the last 1,000. */
  readonly history: readonly ProcessHistoryEntry[]
}

/** What an instance did with one input. */
export interface ProcessHistoryEntry {
  readonly at: string
  readonly incarnation: number
  readonly input: string
  readonly eventId: string
  readonly outcome: 'started' | 'taken' | 'ignored' | 'ended' | 'stale'
  readonly from: string | null
  readonly to: string | null
  readonly outputs: readonly { readonly id: string; readonly type: string; readonly key: string }[]
  readonly timeouts: Readonly<Record<string, unknown>> | null
}

export interface ListInstancesOptions {
  readonly schema: string
  /** Default all of them. */
  readonly process?: string
  readonly status?: string
  /** Only those that have not finished. Default false. */
  readonly onlyRunning?: boolean
  /** Only those that have parked events. Default false. */
  readonly onlyParked?: boolean
  /** The most that are returned. Default 100. */
  readonly limit?: number
}

/** The instances of processes by their names. */
export async function listInstances(sql: Sql, options: ListInstancesOptions): Promise<ProcessInstance[]> {
  const { schema, process = null, status = null, onlyRunning = false, onlyParked = false, limit = 100 } = options
  return sql.query<ProcessInstance>(
    `select ${columns(schema)} from ${schema}.process_instance as p
     where ($1::text is null or process = $1) and ($2::text is null or status = $2)
       and (finished_at is null or not $3::boolean)
       and (not $4::boolean or exists (${parkedOf(schema)}))
     order by process, instance limit $5`,
    [process, status, onlyRunning, onlyParked, limit],
  )
}

/** One instance with its state and its history; `undefined` where there is none. */
export async function showInstance(
  sql: Sql,
  { schema, process, instance }: { readonly schema: string; readonly process: string; readonly instance: string },
): Promise<ProcessInstanceInFull | undefined> {
  const [row] = await sql.query<ShownRow>(
    `select ${columns(schema)}, state::text as "stateText", taken::float8 as taken, ignored::float8 as ignored,
       coalesce((select json_agg(json_build_object('name', name, 'at', ${isoTime('at')}) order by at)
         from ${schema}.scheduled_event where owner = ${ownerOf}), '[]')::text as timeouts,
       coalesce((select json_agg(entry order by number) from (
         select number, json_build_object('at', ${isoTime('at')}, 'incarnation', incarnation, 'input', input, 'eventId', event_id,
           'outcome', outcome, 'from', from_status, 'to', to_status, 'outputs', outputs, 'timeouts', timeouts) as entry
         from ${schema}.process_history as h where h.process = p.process and h.instance = p.instance
         order by number desc limit 1000) as last), '[]')::text as history
     from ${schema}.process_instance as p where process = $1 and instance = $2`,
    [process, instance],
  )
  if (!row) return undefined
  const { stateText, timeouts, history } = row
  return { ...row, state: JSON.parse(stateText), timeouts: JSON.parse(timeouts), history: JSON.parse(history) }
}

interface ShownRow extends ProcessInstance {
  readonly stateText: string
  readonly taken: number
  readonly ignored: number
  readonly timeouts: string
  readonly history: string
}

/** The ids of an instance's parked events, the first one first. */
export async function readParkedOf(
  sql: Sql,
  { schema, process, instance }: { readonly schema: string; readonly process: string; readonly instance: string },
): Promise<readonly string[]> {
  const rows = await sql.query<{ id: string }>(
    `select id::text from ${schema}.parked where group_name = $1 and instance = $2 order by parked.id`,
    [process, instance],
  )
  return rows.map(({ id }) => id)
}

const ownerOf = `'process/' || p.process || '/' || p.instance`

function parkedOf(s: string): string {
  return `select from ${s}.parked where group_name = p.process and parked.instance = p.instance`
}

function columns(s: string): string {
  const next = (column: string) =>
    `(select ${column} from ${s}.scheduled_event as e where e.owner = ${ownerOf} order by e.at limit 1)`
  return `process, instance, status, incarnation, ${isoTime('started_at')} as "startedAt", ${isoTime('changed_at')} as "changedAt",
    ${isoTime('finished_at')} as "finishedAt", ${next('e.name')} as "nextTimeout", ${next(isoTime('e.at'))} as "nextTimeoutAt",
    (select count(*)::int from ${s}.parked where group_name = p.process and parked.instance = p.instance) as parked`
}
