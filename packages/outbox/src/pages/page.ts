import { eventHeaderNames, type Message } from '@commitcast/events'
import type { EventTexts } from './window-events.ts'

/** A run of consecutive offsets of one partition and the events that have them. */
export interface Page {
  readonly epoch: number
  readonly partition: number
  readonly firstOffset: number
  readonly messages: readonly Message[]
}

/** One event of a page as the database returns it. */
export interface PageRow extends EventTexts {
  readonly epoch: number
  readonly partition: number
  readonly first_offset: string
  readonly nth: string
}

/** The columns of a `PageRow`, as SQL functions return them. */
export const pageColumns =
  'epoch int, partition smallint, first_offset bigint, nth bigint, id text, type text, key text, body text, headers text, tx text, "time" text'

/** Gathers rows, which come in the order of partition and offset, into pages. */
export function toPages(rows: readonly PageRow[]): Page[] {
  const pages: (Page & { messages: Message[] })[] = []
  for (const row of rows) {
    const firstOffset = Number(row.first_offset)
    let page = pages.at(-1)
    if (page?.partition !== row.partition || page.firstOffset !== firstOffset) {
      page = { epoch: row.epoch, partition: row.partition, firstOffset, messages: [] }
      pages.push(page)
    }
    page.messages.push(toMessage(row, firstOffset + Number(row.nth) - 1))
  }
  return pages
}

function toMessage(row: PageRow, offset: number): Message {
  const headers = row.headers === '{}' ? {} : textHeaders(row.headers)
  return { offset, id: row.id, type: row.type, key: row.key, time: row.time, tx: row.tx, headers, body: row.body }
}

/** Whoever wrote them by SQL may have put in other names than an event's, or other things than texts. */
function textHeaders(json: string): Record<string, string> {
  const written: unknown = JSON.parse(json)
  const headers: Record<string, string> = {}
  if (typeof written !== 'object' || written === null) return headers
  for (const name of eventHeaderNames) {
    const value = (written as Record<string, unknown>)[name]
    if (value !== undefined && value !== null) headers[name] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return headers
}
