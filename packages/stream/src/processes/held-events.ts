import type { Message } from '@commitcast/events'
import { isoTime } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { WorkItem } from '../groups/work-item.ts'
import type { Machine } from './machine.ts'

/** An event that waited for its instance. */
export interface HeldEvent {
  readonly number: string
  readonly epoch: number
  readonly partition: number
  readonly message: Message
}

interface HeldPlace {
  readonly schema: string
  readonly machine: Machine
}

interface HeldRow extends Omit<Message, 'headers'> {
  readonly number: string
  readonly epoch: number
  readonly partition: number
  readonly headers: string
}

/** Keeps events until their instance is created. */
export async function holdEvents(
  sql: Sql,
  { schema: s, machine, partition }: HeldPlace & { readonly partition: number },
  held: readonly { readonly instance: string; readonly item: WorkItem }[],
): Promise<void> {
  if (held.length === 0) return
  const of = (pick: (one: (typeof held)[number]) => unknown) => held.map(pick)
  await sql.query(
    `insert into ${s}.process_held (process, instance, partition, epoch, "offset", event_id, type, key, data, headers, occurred_at, tx)
     select $1, instance, $2, epoch, "offset", id::uuid, type, key, data::json, headers::json, time::timestamptz, tx::xid8
     from unnest($3::text[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
       with ordinality as given(instance, epoch, "offset", id, type, key, data, headers, time, tx, nth) order by nth`,
    [
      machine.name,
      partition,
      of(({ instance }) => instance),
      of(({ item }) => item.epoch),
      of(({ item }) => item.message.offset),
      of(({ item }) => item.message.id),
      of(({ item }) => item.message.type),
      of(({ item }) => item.message.key),
      of(({ item }) => item.message.body),
      of(({ item }) => JSON.stringify(item.message.headers)),
      of(({ item }) => item.message.time),
      of(({ item }) => item.message.tx),
    ],
  )
}

/** Takes the events that are held for an instance, or the one that is named, oldest first. They are held no more. */
export async function takeHeld(
  sql: Sql,
  { schema: s, machine }: HeldPlace,
  { instance, eventId }: { readonly instance: string; readonly eventId?: string },
): Promise<readonly HeldEvent[]> {
  const rows = await sql.query<HeldRow>(
    `with taken as (
       delete from ${s}.process_held where process = $1 and instance = $2 and ($3::text is null or event_id = $3::uuid) returning *
     )
     select number::text, epoch, partition::int, "offset"::float8 as "offset", event_id::text as id, type, key, tx::text,
       headers::text, data::text as body, ${isoTime('occurred_at')} as time from taken order by taken.number`,
    [machine.name, instance, eventId ?? null],
  )
  return rows.map(({ number, epoch, partition, headers, ...message }) => {
    return { number, epoch, partition, message: { ...message, headers: JSON.parse(headers) } }
  })
}
