import {
  type EventCatalog,
  type EventHeaders,
  type EventInputOf,
  type EventTypeOf,
  InvalidEvent,
  noteTypes,
} from '@commitcast/events'
import { v7 as uuidv7 } from 'uuid'
import { checkSchemaName, defaultSchema } from './schema-name.ts'
import { type KyselyLike, sqlOf } from './sql-of.ts'

/** An event to be appended. `type` picks the schema that `data` has to fit. */
export type NewEvent<TCatalog extends EventCatalog> = {
  [TType in EventTypeOf<TCatalog>]: {
    readonly type: TType
    /** What order is kept for: an order's id, a room's id. 1 to 500 characters. */
    readonly key: string
    readonly data: EventInputOf<TCatalog, TType>
    /** A UUIDv7 of your own; default a new one. */
    readonly id?: string
    readonly headers?: Partial<Omit<EventHeaders, 'time'>>
  }
}[EventTypeOf<TCatalog>]

/** A `pg` client, or anything with its `query`. */
export interface PgClientLike {
  query(text: string, values: unknown[]): Promise<unknown>
}

/**
 * Appends events inside the caller's transaction, in one statement: they exist if and only if it commits (P1). Change or
 * lock the state's row first, then append, and order per key is that of the commits (P3). Returns the events' ids.
 *
 * Throws `InvalidEvent`, before anything is sent, for an unknown type, data that does not fit its schema, or a Kysely
 * instance that is not a transaction; the transaction can go on.
 */
export type Append<TCatalog extends EventCatalog> = (
  transaction: KyselyLike | PgClientLike,
  events: NewEvent<TCatalog> | readonly NewEvent<TCatalog>[],
) => Promise<readonly string[]>

/** Makes `append` for a catalogue and a schema. */
export function createAppend<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  { schema = defaultSchema }: { readonly schema?: string } = {},
): Append<TCatalog> {
  const statement = `select ${checkSchemaName(schema)}.append_all($1::json)`
  return async (transaction, events) => {
    const list = (Array.isArray(events) ? events : [events]) as readonly NewEvent<TCatalog>[]
    if ('isTransaction' in transaction && !transaction.isTransaction) {
      throw new InvalidEvent(
        'append was called outside a transaction, where state and events could part: pass it the trx of db.transaction().execute(…).',
      )
    }
    const rows = await Promise.all(list.map((event) => toRow(catalog, event)))
    if (rows.length === 0) return []
    const values = [JSON.stringify(rows)]
    await ('isTransaction' in transaction
      ? sqlOf(transaction).query(statement, values)
      : transaction.query(statement, values))
    return rows.map((row) => row.id)
  }
}

async function toRow<TCatalog extends EventCatalog>(catalog: TCatalog, event: NewEvent<TCatalog>) {
  checkKey(event.type, event.key)
  const { json, notes } = noteTypes(await catalog.validate(event.type, event.data))
  const { correlationId, causationId, trace, actor } = event.headers ?? {}
  const headers = {
    correlation: correlationId,
    causation: causationId,
    trace,
    actor,
    notes: notes && JSON.stringify(notes),
  }
  return { id: event.id ?? uuidv7(), type: event.type, key: event.key, data: json ?? null, headers }
}

function checkKey(type: string, key: unknown): void {
  if (typeof key === 'string' && key.length >= 1 && key.length <= 500 && !key.includes('\0')) return
  throw new InvalidEvent(
    `The key of "${type}" is ${JSON.stringify(key)?.slice(0, 80)}: it has to be a text of 1 to 500 characters, like the id of what the event is about.`,
  )
}
