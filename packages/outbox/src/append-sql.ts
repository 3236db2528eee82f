import {
  type EventCatalog,
  type EventHeaders,
  type EventInputOf,
  type EventTypeOf,
  InvalidEvent,
  InvalidValue,
  type Noted,
  noteTypes,
} from '@commitcast/events'
import { checkRow, type EventRow } from './check-row.ts'
import { defaultMaxEventBytes } from './max-event-bytes.ts'
import { newEventId } from './new-event-id.ts'
import { checkSchemaName, defaultSchema } from './schema-name.ts'

/** An event to be appended. `type` picks the schema that `data` has to fit. */
export type NewEvent<TCatalog extends EventCatalog> = {
  [TType in EventTypeOf<TCatalog>]: NewEventOf<TCatalog, TType>
}[EventTypeOf<TCatalog>]

/** The same of one type. */
export interface NewEventOf<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog>> {
  readonly type: TType
  /** What order is kept for: an order's id, a room's id. 1 to 500 characters. */
  readonly key: string
  readonly data: EventInputOf<TCatalog, NoInfer<TType>>
  /** A UUIDv7 of your own, which is returned in lower case; default a new one. */
  readonly id?: string
  readonly headers?: Partial<Omit<EventHeaders, 'time' | 'schemaVersion'>>
}

/** One statement with numbered parameters that appends events, for any library that can run it in its transaction. */
export interface AppendStatement {
  /** Has the one parameter `$1`, a text. Returns the events' ids as rows of one column, `id`. */
  readonly text: string
  readonly values: [string]
  /** The ids that the events will have, in their order. */
  readonly ids: readonly string[]
}

/**
 * Makes the statement that appends events, with the checks and the encoding of `append`. Nothing is sent: run it inside
 * the transaction that changes the state, once, and the events exist if and only if that commits (P1).
 *
 * Throws `InvalidEvent` for an unknown type, a bad key, data that does not fit its schema, is too large or would not be
 * read back unchanged. It can't check that you run the statement in a transaction.
 */
export type AppendSql<TCatalog extends EventCatalog> = <TType extends EventTypeOf<TCatalog>>(
  events: NewEventOf<TCatalog, TType> | readonly NewEvent<TCatalog>[],
) => Promise<AppendStatement>

export type NewEvents<TCatalog extends EventCatalog> = NewEvent<TCatalog> | readonly NewEvent<TCatalog>[]

export interface AppendOptions {
  /** Default `commitcast`. */
  readonly schema?: string
  /** The largest data of an event, as it was given to `migrate`. Default 786,432. */
  readonly maxEventBytes?: number
}

/** Makes `appendSql` for a catalogue and a schema. */
export function createAppendSql<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  options: AppendOptions = {},
): AppendSql<TCatalog> {
  const toRows = createToRows(catalog, options)
  const schema = checkSchemaName(options.schema ?? defaultSchema)
  return async (events) => appendAll(schema, await toRows(events as NewEvents<TCatalog>))
}

/** The parameter is a text, and json only in the server: some libraries would encode what they know to be json again. */
export function appendAll(schema: string, rows: readonly EventRow[]): AppendStatement {
  return {
    text: `select append_all as id from ${schema}.append_all($1::text::json)`,
    values: [toJsonArray(rows)],
    ids: rows.map((row) => row.id),
  }
}

/** Makes the function that checks events and encodes them. */
export function createToRows<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  { maxEventBytes = defaultMaxEventBytes }: AppendOptions,
) {
  return async (events: NewEvents<TCatalog>): Promise<readonly EventRow[]> => {
    const list = (Array.isArray(events) ? events : [events]) as readonly NewEvent<TCatalog>[]
    const rows = await Promise.all(list.map((event) => toRow(catalog, event)))
    for (const row of rows) checkRow(row, maxEventBytes)
    return rows
  }
}

/** Events as the SQL functions take them. */
export function toJsonArray(rows: readonly EventRow[]): string {
  return `[${rows.map(toJson).join()}]`
}

function toJson({ id, type, key, data, headers }: EventRow): string {
  return `{"id":"${id}","type":"${type}","key":${JSON.stringify(key)},"data":${data},"headers":${headers}}`
}

async function toRow<TCatalog extends EventCatalog>(catalog: TCatalog, event: NewEvent<TCatalog>): Promise<EventRow> {
  checkKey(event.type, event.key)
  checkHeaders(event.type, event.headers)
  const { json, notes } = noteData(event.type, await catalog.validate(event.type, event.data))
  const { correlationId, causationId, trace, actor } = event.headers ?? {}
  const { version = 1 } = catalog.definitions[event.type]!
  const headers = {
    version: version > 1 ? String(version) : undefined,
    correlation: correlationId,
    causation: causationId,
    trace,
    actor,
    notes: notes && JSON.stringify(notes),
  }
  const { id = newEventId(), type, key } = event
  // As Postgres writes it, so that the id that is returned is the one that readers get.
  return {
    id: String(id).toLowerCase(),
    type,
    key,
    data: JSON.stringify(json ?? null),
    headers: JSON.stringify(headers),
  }
}

function noteData(type: string, data: unknown): Noted {
  try {
    return noteTypes(data)
  } catch (cause) {
    if (!(cause instanceof InvalidValue)) throw cause
    throw new InvalidEvent(`The data of "${type}" can't be kept: ${cause.describe('data')}`, { cause })
  }
}

const headerNames = ['correlationId', 'causationId', 'trace', 'actor']
/** What an event that was read has, and one that is appended gets. */
const givenNames = ['time', 'schemaVersion']

function checkHeaders(type: string, headers: Readonly<Record<string, unknown>> = {}): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || value === null || givenNames.includes(name)) continue
    if (!headerNames.includes(name)) {
      throw new InvalidEvent(
        `"${type}" has the header ${JSON.stringify(name)}, which no reader gets: put it into the data. There are ${headerNames.join(', ')}.`,
      )
    }
    if (typeof value !== 'string') {
      throw new InvalidEvent(`The header "${name}" of "${type}" is a ${typeof value}: it has to be a text.`)
    }
  }
}

function checkKey(type: string, key: unknown): void {
  if (typeof key === 'string' && key.length >= 1 && key.length <= 500 && !key.includes('\0')) return
  throw new InvalidEvent(
    `The key of "${type}" is ${JSON.stringify(key)?.slice(0, 80)}: it has to be a text of 1 to 500 characters, like the id of what the event is about.`,
  )
}
