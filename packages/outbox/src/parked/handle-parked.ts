import type { Sql } from '@commitcast/worker'
import { type ParkedEvent, parkedColumns } from './list-parked.ts'
import { noteParked } from './parked-history.ts'

export interface HandleParkedOptions {
  readonly schema: string
  /** Which ones, by `ParkedEvent.id`; or all there are. */
  readonly ids: readonly string[] | 'all'
  /** Only what this group parked; `relay` for what the broker refused. Default all. */
  readonly group?: string
  /** Who does it, for the history. Default the database's user. */
  readonly actor?: string
}

/**
 * Retries parked events and returns those. What the relay parked is appended anew, in one commit with its removal: it keeps
 * its id, type, key, data and headers, and gets a new time and a new offset, and so comes behind later events of its key.
 * Where several are retried they keep their order. One that another process is just handling is left to it, so each is
 * retried once. What a group parked stays until one of the group's workers has tried it again, and those behind it.
 */
export async function retryParked(
  sql: Sql,
  { schema, ids, actor, group }: HandleParkedOptions,
): Promise<ParkedEvent[]> {
  return sql.query<ParkedEvent>(
    `select ${parkedColumns} from ${schema}.retry_parked($1, $2, $3) as event order by event.id`,
    [ids === 'all' ? null : ids, actor ?? null, group ?? null],
  )
}

/**
 * Removes parked events for good and returns those. Placeholders of the relay's stay; what waited behind a group's continues.
 * One that another process is just handling is left to it.
 */
export async function dropParked(sql: Sql, { schema, ids, actor, group }: HandleParkedOptions): Promise<ParkedEvent[]> {
  return sql.query<ParkedEvent>(
    `with event as (${takeParked(schema, '$1::bigint[]', '($3::text is null or group_name = $3)')}),
     noted as (${noteParked(schema, 'dropped', { rows: 'event', actor: '$2::text' })})
     select ${parkedColumns} from event order by event.id`,
    [ids === 'all' ? null : ids, actor ?? null, group ?? null],
  )
}

/** Null as ids takes all. */
export function takeParked(s: string, ids: string, condition: string): string {
  return `
    delete from ${s}.parked where id in (
      select id from ${s}.parked where (${ids} is null or id = any(${ids})) and ${condition}
      order by id for update skip locked)
    returning parked.*`
}
