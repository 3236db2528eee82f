import { type EventCatalog, InvalidEvent } from '@commitcast/events'
import { createAppendSql, type NewEvent } from './append-sql.ts'
import { type KyselyLike, sqlOf } from './sql-of.ts'

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
  options: { readonly schema?: string } = {},
): Append<TCatalog> {
  const appendSql = createAppendSql(catalog, options)
  return async (transaction, events) => {
    if ('isTransaction' in transaction && !transaction.isTransaction) {
      throw new InvalidEvent(
        'append was called outside a transaction, where state and events could part: pass it the trx of db.transaction().execute(…).',
      )
    }
    const { text, values, ids } = await appendSql(events)
    if (ids.length === 0) return ids
    await ('isTransaction' in transaction ? sqlOf(transaction).query(text, values) : transaction.query(text, values))
    return ids
  }
}
