import { InvalidEvent, pathText } from '@commitcast/events'
import { validate } from 'uuid'
import { maxHeadersBytes } from './max-event-bytes.ts'

/** What is sent of one event; data and headers as JSON. */
export interface EventRow {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly data: string
  readonly headers: string
}

/** Refuses what the database would refuse: there it would be too late, for its error ends the transaction. */
export function checkRow({ id, type, key, data, headers }: EventRow, maxEventBytes: number): void {
  const what = `"${type}" with key ${JSON.stringify(key).slice(0, 80)}`
  if (!validate(id))
    throw new InvalidEvent(`The id of ${what} is ${JSON.stringify(id)}: give it a UUID, or none to get a new one.`)
  for (const [root, text] of Object.entries({ data, headers, key: JSON.stringify(key) })) {
    if (!unstorable.test(text)) continue
    const place = pathText(root, pathOfUnstorable(JSON.parse(text)))
    throw new InvalidEvent(
      `${what} holds a NUL character or half of a surrogate pair in ${place}, which Postgres keeps in no text: take it out.`,
    )
  }
  const bytes = Buffer.byteLength(data)
  if (bytes > maxEventBytes)
    throw new InvalidEvent(
      `The data of ${what} takes ${bytes} bytes, at most ${maxEventBytes} are taken (maxEventBytes): store it elsewhere and put a reference in the event.`,
    )
  const headersBytes = Buffer.byteLength(headers)
  if (headersBytes > maxHeadersBytes)
    throw new InvalidEvent(
      `The headers of ${what} take ${headersBytes} bytes, at most ${maxHeadersBytes} are taken: shorten them, or put fewer dates, maps and the like in its data.`,
    )
}

/** How JSON.stringify writes them; a backslash of the text itself is doubled. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

/** Where the first text is that holds it, in a value of JSON; a property's own name counts as its place. */
function pathOfUnstorable(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const [name, inside] = Object.entries(value).find((entry) => unstorable.test(JSON.stringify(entry))) ?? []
  return name === undefined ? [] : [name, ...pathOfUnstorable(inside)]
}
