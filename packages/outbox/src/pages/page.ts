import { eventHeaderNames, type Message, toPlaceholder } from '@commitcast/events'

/** A run of consecutive offsets of one partition and the events that have them. */
export interface Page {
  readonly epoch: number
  readonly partition: number
  readonly firstOffset: number
  readonly messages: readonly Message[]
}

/** One event of a page as the database returns it: texts, as they are sent. */
export interface PageRow {
  readonly epoch: number
  readonly partition: number
  readonly offset: string
  readonly id: string
  readonly type: string
  readonly key: string
  readonly body: string
  readonly headers: string
  readonly tx: string
  readonly occurred: string
  /** Whether the broker refused it, so that a placeholder has its offset. Missing in a page that was just assigned. */
  readonly refused?: boolean
}

/** The columns of a `PageRow`, as SQL functions return them. */
export const pageColumns =
  'epoch int, partition smallint, "offset" bigint, id text, type text, key text, body text, headers text, tx text, occurred text'

/** A page as `assign_offsets` returns it: its events in one text, in their order. */
export interface AssignedRow {
  readonly epoch: number
  readonly partition: number
  readonly first_offset: string
  readonly events: string
  readonly is_cut: boolean
}

/** A page that was just assigned. */
export interface AssignedPage extends Page {
  /** Whether it was full before its window ended: the rest is there already. */
  readonly isCut: boolean
}

/** An event's columns as texts, as they are sent: the last ones of `pageColumns`. */
export const eventTexts = 'id::text, type, key, data::text, headers::text, tx::text, occurred_at::text'

/**
 * The same as one text, and what stands between two. The control characters can't be inside: JSON has them escaped, and the
 * rest has none; the key, which might, goes as JSON.
 */
export const eventText = 'concat_ws(chr(31), id, type, to_json(key), data, headers, tx, occurred_at)'
export const eventSeparator = 'chr(30)'

export function toPage({ epoch, partition, first_offset, events, is_cut: isCut }: AssignedRow): AssignedPage {
  const firstOffset = Number(first_offset)
  const messages = events.split('\x1e').map((text, index) => {
    const [id, type, key, body, headers, tx, occurred] = text.split('\x1f') as unknown as EventTexts
    return toMessage({ id, type, key: plainText(key), body, headers, tx, occurred }, firstOffset + index)
  })
  return { epoch, partition, firstOffset, messages, isCut }
}

type EventTexts = readonly [string, string, string, string, string, string, string]

/** Nearly no key has anything to unescape. */
function plainText(json: string): string {
  return json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1)
}

/** Gathers the rows of one partition, at least one, into a page by offset. */
export function gatherPage(rows: readonly PageRow[]): Page {
  const { epoch, partition } = rows[0]!
  const messages = rows.map((row) => toMessage(row, Number(row.offset)))
  // They come in order, which SQL does not promise.
  if (messages.some((message, index) => message.offset !== messages[0]!.offset + index)) {
    messages.sort((a, b) => a.offset - b.offset)
  }
  return { epoch, partition, firstOffset: messages[0]!.offset, messages }
}

type MessageTexts = Pick<PageRow, 'id' | 'type' | 'key' | 'body' | 'headers' | 'tx' | 'occurred' | 'refused'>

function toMessage(row: MessageTexts, offset: number): Message {
  const message = {
    offset,
    id: row.id,
    type: row.type,
    key: row.key,
    time: isoTime(row.occurred),
    tx: row.tx,
    headers: row.headers === '{}' ? noHeaders : textHeaders(row.headers),
    body: row.body,
  }
  return row.refused ? toPlaceholder(message) : message
}

const noHeaders = Object.freeze({})

/** `2026-01-31 12:00:00.5+00`, Postgres's own way in UTC, to ISO 8601. */
function isoTime(text: string): string {
  return `${text.slice(0, 10)}T${text.slice(11, -3)}Z`
}

/** Headers that were written by SQL may have other names than an event's, or other values than texts. */
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
