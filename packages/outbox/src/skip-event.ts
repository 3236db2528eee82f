import type { Sql } from '@commitcast/worker'

/** An event by what an operator knows it by. */
export interface SkippedEvent {
  readonly type: string
  readonly key: string
}

/**
 * Has readers skip an event at which they wait: groups pass over it, and stream workers publish to its followers that it can't
 * be read. Returns the event, or `undefined` where the outbox does not have it; then nothing is changed. Idempotent.
 */
export async function skipEvent(
  sql: Sql,
  { schema, id }: { readonly schema: string; readonly id: string },
): Promise<SkippedEvent | undefined> {
  const [event] = await sql.query<SkippedEvent>(
    `with event as (select id, type, key from ${schema}.outbox where id = $1),
     skipped as (insert into ${schema}.skipped_event (id) select id from event on conflict do nothing)
     select type, key from event`,
    [id],
  )
  return event
}

const most = 10_000

/** The ids of the events that readers skip: the newest 10,000. A reader asks again whenever it has waited. */
export async function readSkipped(sql: Sql, schema: string): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ id: string }>(
    `select id from ${schema}.skipped_event order by skipped_at desc limit ${most}`,
  )
  return new Set(rows.map(({ id }) => id))
}

/** Whether readers are to skip this event. */
export async function isSkipped(sql: Sql, schema: string, id: string): Promise<boolean> {
  return (await sql.query(`select from ${schema}.skipped_event where id = $1`, [id])).length > 0
}
