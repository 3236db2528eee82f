import type { Sql } from '@commitcast/worker'

/** An event by what an operator knows it by. */
export interface SteppedOver {
  readonly type: string
  readonly key: string
}

/**
 * Has readers step over an event at which they wait: groups pass over it, and stream workers tell its followers that it can't
 * be read. Returns the event, or `undefined` where the outbox does not have it; then nothing is changed. Idempotent.
 */
export async function stepOver(
  sql: Sql,
  { schema, id }: { readonly schema: string; readonly id: string },
): Promise<SteppedOver | undefined> {
  const [event] = await sql.query<SteppedOver>(
    `with event as (select id, type, key from ${schema}.outbox where id = $1),
     noted as (insert into ${schema}.skipped_event (id) select id from event on conflict do nothing)
     select type, key from event`,
    [id],
  )
  return event
}

const most = 10_000

/** The ids of the events that readers step over: the newest 10,000. A reader asks again whenever it has waited. */
export async function readSteppedOver(sql: Sql, schema: string): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ id: string }>(
    `select id from ${schema}.skipped_event order by skipped_at desc limit ${most}`,
  )
  return new Set(rows.map(({ id }) => id))
}

/** Whether readers are to step over this event. */
export async function isSteppedOver(sql: Sql, schema: string, id: string): Promise<boolean> {
  return (await sql.query(`select from ${schema}.skipped_event where id = $1`, [id])).length > 0
}
