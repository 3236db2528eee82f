/** What happened to a parked event. */
export type ParkedAction = 'parked' | 'retried' | 'failed again' | 'done' | 'dropped' | 'reset'

/** The INSERT that notes what is done to the parked events in `rows`. `actor` is an SQL expression; null is the session's user. */
export function noteParked(
  s: string,
  action: ParkedAction,
  { rows, actor = 'null' }: { rows: string; actor?: string },
) {
  return `
    insert into ${s}.parked_history (actor, action, parked_id, group_name, event_id, type, key, reason)
    select coalesce(${actor}, session_user::text), '${action}', id, group_name, event_id, type, key, reason from ${rows}`
}
