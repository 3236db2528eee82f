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
import type { Sql } from '@commitcast/worker'
import { checkRow, type EventRow } from './check-row.ts'
import { noKeys } from './erasure/decrypt-event.ts'
import { encryptFields, type TakenFields, takeFields } from './erasure/encrypt-fields.ts'
import type { KeyProvider } from './erasure/key-provider.ts'
import { createSubjectKeys, type Keys, type SubjectKeys } from './erasure/subject-keys.ts'
import { isName } from './is-name.ts'
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
 * read back unchanged, and for an event with personal fields, whose keys only `append` reads. It can't check that you run the
 * statement in a transaction.
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
  /** Guards the keys of personal fields. Default `postgresKeys()`. */
  readonly keys?: KeyProvider
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

/**
 * Makes the function that checks events and encodes them, and encrypts their personal fields with keys that it reads, and makes,
 * in the transaction of `sql`. Without one it throws `InvalidEvent` for an event that has personal fields.
 */
export function createToRows<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  { maxEventBytes = defaultMaxEventBytes, schema = defaultSchema, keys, subjectKeys: given }: ToRowsOptions = {},
): ToRows<TCatalog> {
  const toDrafts = createToDrafts(catalog)
  const subjectKeys = given ?? createSubjectKeys({ schema: checkSchemaName(schema), keys })
  return async (events, sql) => {
    const drafts = await toDrafts(events)
    const rows = encodeAll(drafts, await keysFor(drafts, subjectKeys, sql))
    for (const row of rows) checkRow(row, maxEventBytes)
    return rows
  }
}

/** The same for rows that are never stored, in tests and rebuilds: personal fields stay in clear. */
export function createToClearRows<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  { maxEventBytes = defaultMaxEventBytes }: Pick<AppendOptions, 'maxEventBytes'> = {},
): ToRows<TCatalog> {
  const toDrafts = createToDrafts(catalog, { isClear: true })
  return async (events) => {
    const rows = (await toDrafts(events)).map(encode)
    for (const row of rows) checkRow(row, maxEventBytes)
    return rows
  }
}

/** Checks events and encodes them. */
export type ToRows<TCatalog extends EventCatalog> = (
  events: NewEvents<TCatalog>,
  sql?: Sql,
) => Promise<readonly EventRow[]>

/** Events as the SQL functions take them. */
export function toJsonArray(rows: readonly EventRow[]): string {
  return `[${rows.map(toJson).join()}]`
}

export interface ToRowsOptions extends AppendOptions {
  /** The process's own, in place of `keys`. */
  readonly subjectKeys?: SubjectKeys
}

/** Makes the function that checks events as `append` does, sends nothing, and returns the ids that they would have. */
export function createCheckEvents<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  { maxEventBytes = defaultMaxEventBytes }: Pick<AppendOptions, 'maxEventBytes'> = {},
): (events: NewEvents<TCatalog>) => Promise<readonly string[]> {
  const toDrafts = createToDrafts(catalog)
  return async (events) => {
    const drafts = await toDrafts(events)
    for (const draft of drafts) checkRow(encode(draft), maxEventBytes)
    return drafts.map(({ id }) => id)
  }
}

async function keysFor(drafts: readonly Draft[], keys: SubjectKeys, sql: Sql | undefined): Promise<Keys> {
  const personal = drafts.find(({ taken }) => taken !== undefined)
  if (!personal) return noKeys
  if (sql) {
    const subjects = drafts.flatMap(({ taken }) => taken?.fields.map(({ subject }) => subject) ?? [])
    return keys.toEncrypt(sql, new Set(subjects))
  }
  throw new InvalidEvent(
    `"${personal.type}" has personal fields, which are encrypted with keys of the database: append it with append(trx, …), not with appendSql.`,
  )
}

function toJson({ id, type, key, data, headers }: EventRow): string {
  return `{"id":"${id}","type":"${type}","key":${JSON.stringify(key)},"data":${data},"headers":${headers}}`
}

/** An event that was checked. */
interface Draft extends Pick<EventRow, 'id' | 'type' | 'key'> {
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Its data, without personal fields. */
  readonly json: unknown
  readonly taken: TakenFields | undefined
}

function createToDrafts<TCatalog extends EventCatalog>(catalog: TCatalog, { isClear = false } = {}) {
  return async (events: NewEvents<TCatalog>): Promise<readonly Draft[]> => {
    const list = (Array.isArray(events) ? events : [events]) as readonly NewEvent<TCatalog>[]
    return Promise.all(list.map((event) => toDraft(catalog, event, isClear)))
  }
}

async function toDraft<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  event: NewEvent<TCatalog>,
  isClear: boolean,
): Promise<Draft> {
  checkKey(event.type, event.key)
  checkHeaders(event.type, event.headers)
  const data: unknown = await catalog.validate(event.type, event.data)
  const { version = 1, personal } = catalog.definitions[event.type]!
  const found = personal && takeFields(event.type, data, personal)
  const taken = isClear ? undefined : found
  const { json, notes } = noteData(event.type, taken ? taken.rest : data)
  const { correlationId, causationId, trace, actor } = event.headers ?? {}
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
  return { id: String(id).toLowerCase(), type, key, headers, json: json ?? null, taken }
}

function encodeAll(drafts: readonly Draft[], keys: Keys): readonly EventRow[] {
  return drafts.map((draft) => {
    const { id, json, headers, taken } = draft
    if (!taken) return encode(draft)
    const { json: encrypted, personal } = encryptFields(json, { id, fields: taken.fields, keys })
    return encode({ ...draft, json: encrypted, headers: { ...headers, personal } })
  })
}

function encode({ id, type, key, headers, json }: Draft): EventRow {
  return { id, type, key, data: JSON.stringify(json), headers: JSON.stringify(headers) }
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
  if (isName(key)) return
  throw new InvalidEvent(
    `The key of "${type}" is ${JSON.stringify(key)?.slice(0, 80)}: it has to be a text of 1 to 500 characters, like the id of what the event is about.`,
  )
}
