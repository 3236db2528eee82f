import type { Message } from '@commitcast/events'
import { isoTime } from '@commitcast/outbox'
import type { WorkItem } from './work-item.ts'

/** The columns in which tables keep a message whole: parked ones, and those that a process holds. In the order of `messageColumns`. */
export const messageColumnNames = 'epoch, "offset", event_id, type, key, data, headers, occurred_at, tx'

/** The same of arrays of texts: each of them unnested, and cast. */
export const messageColumnCasts =
  'epoch::int, "offset"::bigint, event_id::uuid, type, key, data::json, headers::json, occurred_at::timestamptz, tx::xid8'

/** For each column the values of all messages. A text for each value: data and headers stay what they are, byte for byte, also where Postgres can't decode them. */
export function messageColumns(items: readonly WorkItem[]): readonly (readonly string[])[] {
  const of = (pick: (item: WorkItem) => string) => items.map(pick)
  return [
    of(({ epoch }) => String(epoch)),
    of(({ message }) => String(message.offset)),
    of(({ message }) => message.id),
    of(({ message }) => message.type),
    of(({ message }) => message.key),
    of(({ message }) => message.body),
    of(({ message }) => JSON.stringify(message.headers)),
    of(({ message }) => message.time),
    of(({ message }) => message.tx),
  ]
}

/** What is selected of a row that keeps a message. */
export const messageSelected = `epoch, "offset"::float8 as "offset", event_id::text as id, type, key, tx::text, headers::text, data::text as body,
  ${isoTime('occurred_at')} as time`

/** A row of `messageSelected`. */
export interface MessageRow extends Omit<Message, 'headers'> {
  readonly headers: string
  readonly epoch: number
}

export function toMessage({ offset, id, type, key, time, tx, headers, body }: MessageRow): Message {
  return { offset, id, type, key, time, tx, headers: JSON.parse(headers), body }
}
