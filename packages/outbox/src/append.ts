import { type EventCatalog, InvalidEvent } from '@commitcast/events'
import { type AppendOptions, createAppendSql, type NewEvent } from './append-sql.ts'
import { type KyselyLike, sqlOf } from './sql-of.ts'

/** A `pg` client, or anything with its `query`. */
export interface PgClientLike {
  query(text: string, values: unknown[]): Promise<unknown>
  /** Of newer `pg` clients: `I` outside a transaction. */
  getTransactionStatus?(): string | null
}

/**
 * Appends events inside the caller's transaction, in one statement: they exist if and only if it commits (P1). Change or
 * lock the state's row first, then append, and order per key is that of the commits (P3). Returns the events' ids.
 *
 * Throws `InvalidEvent`, before anything is sent, for an unknown type, data that does not fit its schema or is too large,
 * and where there is no transaction (old `pg` clients can't tell); the transaction can go on.
 */
export type Append<TCatalog extends EventCatalog> = (
  transaction: KyselyLike | PgClientLike,
  events: NewEvent<TCatalog> | readonly NewEvent<TCatalog>[],
) => Promise<readonly string[]>

/** Makes `append` for a catalogue and a schema. */
export function createAppend<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  options: AppendOptions = {},
): Append<TCatalog> {
  const appendSql = createAppendSql(catalog, options)
  return async (transaction, events) => {
    const { text, values, ids } = await appendSql(events)
    if (!isInTransaction(transaction)) {
      throw new InvalidEvent(
        'append was called outside a transaction, where state and events could part: pass it the trx of ' +
          'db.transaction().execute(…), or the pg client that BEGIN was sent on, not the pool.',
      )
    }
    if (ids.length === 0) return ids
    await ('isTransaction' in transaction ? sqlOf(transaction).query(text, values) : transaction.query(text, values))
    return ids
  }
}

function isInTransaction(transaction: KyselyLike | PgClientLike): boolean {
  if ('isTransaction' in transaction) return transaction.isTransaction
  const isPool = 'totalCount' in transaction
  return !isPool && transaction.getTransactionStatus?.() !== 'I'
}
