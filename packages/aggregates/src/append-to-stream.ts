import { type EventCatalog, type EventTypeOf, InvalidEvent, type StoredEvent } from '@commitcast/events'
import {
  type EventRow,
  isoTime,
  type KyselyLike,
  type ToRows,
  type TransactionLike,
  toJsonArray,
} from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { AggregateDefinition, Appended, AppendToOptions, NewAggregateEvent } from './aggregate.ts'
import { VersionConflict } from './version-conflict.ts'

/** What an aggregate needs of the cast that it belongs to, to append. */
export interface AppendPorts<TCatalog extends EventCatalog> {
  readonly schema: string
  readonly toRows: ToRows<TCatalog>
  /** For what is never stored: personal fields stay in clear. */
  readonly toClearRows: ToRows<TCatalog>
  /** Statements in a transaction, or in READ COMMITTED. */
  sqlOf(db: KyselyLike | TransactionLike): Sql
  /** Runs what appends: in the given transaction, else in one that is committed. A single statement may commit by itself. */
  appending<T>(db: KyselyLike | TransactionLike, append: (sql: Sql) => Promise<T>, isSingle: boolean): Promise<T>
  /** Whether what is appended there was appended before, so that it is left out. */
  isRebuilding(db: object): boolean
}

export interface ToAppend<TEvent> {
  readonly key: string
  readonly events: readonly TEvent[]
  readonly expected: number
  readonly headers: AppendToOptions['headers'] | undefined
}

interface Answer {
  readonly isAppended: boolean
  readonly version: number
  readonly time: string
}

/**
 * Makes the function that appends to the streams of an aggregate, checked and encoded as by `append`. It returns the events
 * as they were stored, too. Throws `VersionConflict`, and `InvalidEvent` before anything is written.
 */
export function createAppendToStream<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  { name: aggregate, catalog, evolve }: AggregateDefinition<TCatalog, TState, TType>,
  { schema, toRows, toClearRows, appending, isRebuilding }: AppendPorts<TCatalog>,
) {
  const text = `select is_appended as "isAppended", version::float8 as version, ${isoTime('appended_at')} as time
    from ${schema}.try_append_to_aggregate($1, $2, $3::bigint, $4::text::json)`

  return async (
    db: KyselyLike | TransactionLike,
    { key, events, expected, headers }: ToAppend<NewAggregateEvent<TCatalog, TType>>,
  ): Promise<Appended & { readonly stored: readonly StoredEvent[] }> => {
    for (const { type } of events) checkType(type, { aggregate, evolve })
    const keyed = events.map((event) => ({ ...event, key, headers: { ...headers, ...event.headers } }))
    const list = keyed as unknown as Parameters<typeof toRows>[0]
    if (isRebuilding(db)) return appendedOf(await toClearRows(list), expected, new Date().toISOString())
    const isPersonal = events.some(({ type }) => catalog.definitions[type]?.personal !== undefined)
    const checked = isPersonal ? undefined : await toRows(list)
    const append = async (sql: Sql) => {
      const rows = checked ?? (await toRows(list, sql))
      const [answer] = await sql.query<Answer>(text, [aggregate, key, expected, toJsonArray(rows)])
      const { isAppended, version: actual, time } = answer!
      if (!isAppended) throw new VersionConflict({ aggregate, key, expected, actual })
      return appendedOf(rows, expected, time)
    }
    return appending(db, append, !isPersonal)
  }
}

function appendedOf(rows: readonly EventRow[], expected: number, time: string) {
  return {
    version: expected + rows.length,
    ids: rows.map(({ id }) => id),
    stored: rows.map((row) => toStored(row, time)),
  }
}

function toStored({ id, type, key, data, headers }: EventRow, time: string): StoredEvent {
  return { id, type, key, time, headers: JSON.parse(headers) as StoredEvent['headers'], body: data }
}

function checkType(type: string, { aggregate, evolve }: { readonly aggregate: string; readonly evolve: object }): void {
  if (Object.hasOwn(evolve, type)) return
  throw new InvalidEvent(`"${type}" is no event of the aggregate "${aggregate}": add a reducer of it to evolve.`)
}
