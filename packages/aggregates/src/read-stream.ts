import { decodeNoted, type EventCatalog, type EventTypeOf, type StoredEvent } from '@commitcast/events'
import { isoTime, type Keys } from '@commitcast/outbox'
import type { Logger, Sql } from '@commitcast/worker'
import { errorText } from '@commitcast/worker'
import type { AggregateDefinition } from './aggregate.ts'
import { type Folded, foldEvents } from './fold-events.ts'

/** A state, and how it was read. */
export interface Read<TState> extends Folded<TState> {
  /** Of the snapshot that it was made of; 0 where there was none. */
  readonly snapshotVersion: number
  /** When the first event after the snapshot was appended; ISO 8601. */
  readonly firstTime: string | undefined
}

export interface ReadStreamOptions<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>> {
  readonly definition: AggregateDefinition<TCatalog, TState, TType>
  readonly schema: string
  /** The version of the reducers. */
  readonly reducer: number
  readonly keysOf: KeysOf
  readonly logger: Logger
}

/** The keys of the personal fields of events, as `sql` sees them now: one query, and none where no event has such fields. */
export type KeysOf = (sql: Sql, events: readonly StoredEvent[]) => Promise<Keys>

/** What one statement reads at most: the events until they have so many bytes, and one more. */
const maxEvents = 1_000
const maxBytes = 2_000_000

interface Row {
  readonly version: number
  /** Null of the snapshot. */
  readonly id: string | null
  readonly type: string
  readonly data: string
  readonly headers: string
  readonly time: string
  readonly bytes: number
}

interface SnapshotHeaders {
  readonly notes: string | null
  readonly subjects: readonly string[] | null
}

/** Makes the function that reads the snapshot of an aggregate and the events after it. */
export function createReadStream<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  options: ReadStreamOptions<TCatalog, TState, TType>,
) {
  const { definition, schema, reducer, keysOf, logger } = options
  const { name, initial } = definition
  const text = `select version::float8 as version, id::text, type, data::text, headers::text, bytes,
      ${isoTime('appended_at')} as time from ${schema}.read_aggregate($1, $2, $3::int, $4, ${maxEvents}, ${maxBytes})`

  const fromSnapshot = (key: string, { version, data, headers }: Row): Read<TState> | undefined => {
    try {
      const { notes, subjects } = JSON.parse(headers) as SnapshotHeaders
      const state = decodeNoted({ json: data, notes })
      const folded = { state: state as TState, version, subjects: new Set(subjects) }
      return { ...folded, snapshotVersion: version, firstTime: undefined }
    } catch (error) {
      logger.warn(
        { code: 'AGGREGATE_SNAPSHOT_IGNORED', aggregate: name, key, version, err: error, reason: errorText(error) },
        'a snapshot can not be read; all events are read instead',
      )
      return undefined
    }
  }

  return async (sql: Sql, key: string, signal?: AbortSignal): Promise<Read<TState>> => {
    let read: Read<TState> = {
      ...{ state: initial(), version: 0, subjects: new Set<string>() },
      ...{ snapshotVersion: 0, firstTime: undefined },
    }
    for (let isFirst = true; ; isFirst = false) {
      signal?.throwIfAborted()
      const rows = await sql.query<Row>(text, [name, key, isFirst ? reducer : null, read.version])
      const hasSnapshot = rows[0]?.id === null
      const events = (hasSnapshot ? rows.slice(1) : rows).map((row) => toStored(key, row))
      const bytes = rows.reduce((sum, row) => sum + row.bytes, 0)
      if (hasSnapshot) {
        const taken = fromSnapshot(key, rows[0]!)
        if (!taken) continue
        read = taken
      }
      const folded = foldEvents(definition, read, events, await keysOf(sql, events))
      read = { ...read, ...folded, firstTime: read.firstTime ?? events[0]?.time }
      if (events.length < maxEvents && bytes < maxBytes) return read
    }
  }
}

function toStored(key: string, { id, type, time, headers, data }: Row): StoredEvent {
  return { id: id!, type, key, time, headers: JSON.parse(headers) as StoredEvent['headers'], body: data }
}
