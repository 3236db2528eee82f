import type { Sql } from '@commitcast/worker'
import { isoTime } from '../iso-time.ts'

/** An event that was taken out of the way, to be retried or dropped. Its data stays in the table `parked`. */
export interface ParkedEvent {
  /** The parked event's own number, in decimal digits: what retry and drop take. */
  readonly id: string
  /** Who parked it: `relay` where the broker refused it, else a consumer group whose work on it failed. */
  readonly group: string
  readonly epoch: number
  readonly partition: number
  /** Where it stands; of the relay's, a placeholder does. */
  readonly offset: number
  readonly eventId: string
  readonly type: string
  readonly key: string
  /** Why it was parked, in the words of the error. */
  readonly reason: string
  /** How often it was tried; 0 where it only waits behind another event of its key. */
  readonly attempts: number
  /** ISO 8601 in UTC, as is `parkedAt`. */
  readonly occurredAt: string
  readonly parkedAt: string
  /** When a group's workers try it again; null where it waits for an operator, or behind another event of its key. */
  readonly retryAt: string | null
}

export interface ListParkedOptions {
  readonly schema: string
  /** Only those with a higher id: the last one of the page before. Default all. */
  readonly after?: string
  /** The most that are returned. Default 100. */
  readonly limit?: number
  /** Only what this group parked; `relay` for what the broker refused. Default all. */
  readonly group?: string
}

/** The parked events, by id: the order in which they were parked. */
export async function listParked(sql: Sql, options: ListParkedOptions): Promise<ParkedEvent[]> {
  const { schema, after = '0', limit = 100, group = null } = options
  return sql.query<ParkedEvent>(
    `select ${parkedColumns} from ${schema}.parked as event
     where event.id > $1 and ($3::text is null or event.group_name = $3) order by event.id limit $2`,
    [after, limit, group],
  )
}

/** The columns of a `ParkedEvent`, of a row named `event`. */
export const parkedColumns = `event.id::text, event.group_name as "group", event.epoch, event.partition::int,
  event."offset"::float8 as "offset", event.event_id::text as "eventId", event.type, event.key, event.reason, event.attempts,
  ${isoTime('event.occurred_at')} as "occurredAt", ${isoTime('event.parked_at')} as "parkedAt",
  ${isoTime('event.retry_at')} as "retryAt"`
