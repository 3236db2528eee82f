import type { Message } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import {
  type MessageRow,
  messageColumnCasts,
  messageColumnNames,
  messageColumns,
  messageSelected,
  toMessage,
} from '../groups/stored-message.ts'
import type { WorkItem } from '../groups/work-item.ts'
import type { Machine } from './machine.ts'

/** An event that waited for its instance. */
export interface HeldEvent {
  readonly epoch: number
  readonly partition: number
  readonly message: Message
}

interface HeldPlace {
  readonly schema: string
  readonly machine: Machine
}

/** Keeps events until their instance is created. */
export async function holdEvents(
  sql: Sql,
  { schema: s, machine, partition }: HeldPlace & { readonly partition: number },
  held: readonly { readonly instance: string; readonly item: WorkItem }[],
): Promise<void> {
  if (held.length === 0) return
  await sql.query(
    `insert into ${s}.process_held (process, partition, instance, ${messageColumnNames})
     select $1, $2, instance, ${messageColumnCasts}
     from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
       with ordinality as given(instance, ${messageColumnNames}, nth) order by nth`,
    [machine.name, partition, held.map(({ instance }) => instance), ...messageColumns(held.map(({ item }) => item))],
  )
}

/** Takes the events that are held for an instance, or the one that is named, oldest first. They are held no more. */
export async function takeHeld(
  sql: Sql,
  { schema: s, machine }: HeldPlace,
  { instance, eventId }: { readonly instance: string; readonly eventId?: string },
): Promise<readonly HeldEvent[]> {
  const rows = await sql.query<MessageRow & { readonly partition: number }>(
    `with taken as (
       delete from ${s}.process_held where process = $1 and instance = $2 and ($3::text is null or event_id = $3::uuid) returning *
     )
     select ${messageSelected}, partition::int from taken order by number`,
    [machine.name, instance, eventId ?? null],
  )
  return rows.map((row) => ({ epoch: row.epoch, partition: row.partition, message: toMessage(row) }))
}
