import type { Sql } from '@commitcast/worker'
import { isoTime } from '../iso-time.ts'

/** An event that waits for its time, without its data. */
export interface ScheduledEvent {
  /** Empty, or `process/<process>/<instance>` for a process's time-out. */
  readonly owner: string
  readonly name: string
  /** When it is due: ISO 8601 in UTC. */
  readonly at: string
  readonly eventId: string
  readonly type: string
  readonly key: string
  /** Why the outbox refused the event; it is not tried again until you say so. Null where it waits for its time. */
  readonly refused: string | null
}

export interface ListScheduledOptions {
  readonly schema: string
  /** Only of this owner. Default all. */
  readonly owner?: string
  /** Only those that the outbox refused. Default false. */
  readonly onlyRefused?: boolean
  /** The most that are returned. Default 100. */
  readonly limit?: number
}

/** The scheduled events in the order in which they fire. */
export async function listScheduled(sql: Sql, options: ListScheduledOptions): Promise<ScheduledEvent[]> {
  const { schema, owner = null, onlyRefused = false, limit = 100 } = options
  return sql.query<ScheduledEvent>(
    `select owner, name, ${isoTime('at')} as at, id::text as "eventId", type, key, refused from ${schema}.scheduled_event as event
     where ($1::text is null or owner = $1) and (refused is not null or not $2::boolean)
     order by event.at, number limit $3`,
    [owner, onlyRefused, limit],
  )
}

export interface HandleScheduledOptions {
  readonly schema: string
  /** Default the application's own, ''. */
  readonly owner?: string
  readonly name: string
}

/** Has the relay try an event again that the outbox refused. Returns whether there was one. */
export async function retryScheduled(sql: Sql, { schema, owner = '', name }: HandleScheduledOptions): Promise<boolean> {
  const rows = await sql.query(
    `update ${schema}.scheduled_event set refused = null where (owner, name) = ($1, $2) and refused is not null returning name`,
    [owner, name],
  )
  return rows.length > 0
}

/** Cancels a scheduled event. Returns whether there was one. */
export async function cancelScheduled(
  sql: Sql,
  { schema, owner = '', name }: HandleScheduledOptions,
): Promise<boolean> {
  const [row] = await sql.query<{ found: boolean }>(`select ${schema}.unschedule($1, $2) as found`, [name, owner])
  return row!.found
}
