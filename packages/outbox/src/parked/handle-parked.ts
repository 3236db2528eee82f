import type { Sql } from '@commitcast/worker'
import { afterAppend, beforeAppend } from '../append-functions.ts'
import { type ParkedEvent, parkedColumns } from './list-parked.ts'

export interface HandleParkedOptions {
  readonly schema: string
  /** Which ones, by `ParkedEvent.id`; or all there are. */
  readonly ids: readonly string[] | 'all'
}

/**
 * Appends parked events anew, each in one commit with its removal, and returns those. An event keeps its id, type, key,
 * data and headers; it gets a new time and a new offset, and so comes behind later events of its key. Where several are
 * retried they keep their order. One that somebody else is just handling is left to them, so each is retried once.
 */
export async function retryParked(sql: Sql, { schema, ids }: HandleParkedOptions): Promise<ParkedEvent[]> {
  return sql.query<ParkedEvent>(`select ${parkedColumns} from ${schema}.retry_parked($1) as event order by event.id`, [
    ids === 'all' ? null : ids,
  ])
}

/**
 * Removes parked events for good and returns those. Their placeholders stay. One that somebody else is just handling is
 * left to them.
 */
export async function dropParked(sql: Sql, { schema, ids }: HandleParkedOptions): Promise<ParkedEvent[]> {
  return sql.query<ParkedEvent>(
    `with event as (${takeParked(schema, '$1::bigint[]')}) select ${parkedColumns} from event order by event.id`,
    [ids === 'all' ? null : ids],
  )
}

/** Null as ids takes all. */
function takeParked(s: string, ids: string, condition = 'true'): string {
  return `
    delete from ${s}.parked where id in (
      select id from ${s}.parked where (${ids} is null or id = any(${ids})) and ${condition}
      order by id for update skip locked)
    returning parked.*`
}

/**
 * The function behind `retryParked`: row by row into the outbox, however many and large they are. What the outbox brings
 * reaches every reader again, so only what the relay parked may go this way.
 */
export function retryParkedFunction(s: string): string {
  return `
create function ${s}.retry_parked(ids bigint[]) returns setof ${s}.parked language plpgsql volatile as $$
#variable_conflict use_column
declare
  place record;
begin
  ${beforeAppend(s)}
  return query
    with taken as (${takeParked(s, 'ids', `grp = 'relay'`)}
    ), appended as (
      insert into ${s}.outbox (id, type, key, data, headers)
      select event_id, type, key, data, headers from taken order by id
    )
    select * from taken order by id;
  ${afterAppend(s)}
end $$;`
}
