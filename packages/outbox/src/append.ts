import type { EventCatalog, EventTypeOf } from '@commitcast/events'
import {
  appendAll,
  createToRows,
  type NewEvent,
  type NewEventOf,
  type NewEvents,
  type ToRowsOptions,
} from './append-sql.ts'
import { NotInTransaction } from './not-in-transaction.ts'
import { checkSchemaName, defaultSchema } from './schema-name.ts'
import { type KyselyLike, type PgClientLike, sqlIn, type TransactionLike } from './sql-of.ts'

/**
 * Appends events inside the caller's transaction, in one statement: they exist if and only if it commits (P1). Change or
 * lock the state's row first, then append, and order per key is that of the commits (P3). Returns the events' ids.
 *
 * Personal fields are encrypted with their subjects' keys, which one query reads, and one more makes where a subject has none. A key
 * is made in the same transaction: a second one that appends for a new subject waits until the first has ended. Where two do so for
 * several subjects in different order, Postgres ends one with 40P01, and in repeatable read with 40001: try it again.
 *
 * Throws, before anything is sent, `InvalidEvent` for an unknown type and for data that does not fit its schema, is too large or
 * would not be read back unchanged, and `NotInTransaction` where there is no transaction (an old `pg` client does not say); then `SubjectErased`
 * where a subject was erased, and `KeyUnavailable`. The transaction can continue.
 */
export type Append<TCatalog extends EventCatalog> = <TType extends EventTypeOf<TCatalog>>(
  transaction: TransactionLike,
  events: NewEventOf<TCatalog, TType> | readonly NewEvent<TCatalog>[],
) => Promise<readonly string[]>

/** Makes `append` for a catalogue and a schema. */
export function createAppend<TCatalog extends EventCatalog>(
  catalog: TCatalog,
  options: ToRowsOptions = {},
): Append<TCatalog> {
  const toRows = createToRows(catalog, options)
  const schema = checkSchemaName(options.schema ?? defaultSchema)
  const appendOne = `select ${schema}.append($1, $2, $3::text::json, $4::text::json, $5)`
  return async (transaction, events) => {
    checkTransaction(transaction)
    const sql = sqlIn(transaction)
    const rows = await toRows(events as NewEvents<TCatalog>, sql)
    const ids = rows.map((row) => row.id)
    const [row, more] = rows
    if (!row) return ids
    const one = { text: appendOne, values: [row.type, row.key, row.data, row.headers, row.id] }
    const { text, values } = more ? appendAll(schema, rows) : one
    await sql.query(text, values)
    return ids
  }
}

/** What needs a transaction: its name, and what would not commit together without one. */
export interface TransactionNeed {
  readonly what: string
  readonly parts: string
  /** What to do with a transaction of another library. */
  readonly otherwise?: string
}

const appendNeed: TransactionNeed = {
  what: 'append',
  parts: 'state and events',
  otherwise:
    'With Drizzle, postgres.js or another library use appendSql: run the statement that it returns in the transaction of that library.',
}

/** Throws `NotInTransaction` for what is no transaction of Kysely or `pg`; an old `pg` client does not say whether it is in one. */
export function checkTransaction(transaction: KyselyLike | PgClientLike, need: TransactionNeed = appendNeed): void {
  const { what, parts, otherwise } = need
  if (!isKnownTransaction(transaction)) {
    const advice = otherwise === undefined ? '' : ` ${otherwise}`
    throw new NotInTransaction(`${what} was given neither a Kysely transaction nor a pg client.${advice}`)
  }
  if (!isInTransaction(transaction)) {
    throw new NotInTransaction(
      `${what} was called outside a transaction, where ${parts} could part: pass it the trx of ` +
        'db.transaction().execute(…), or the pg client that BEGIN was sent on, not the pool.',
    )
  }
}

/** Whether it is of Kysely or `pg`. Other libraries have no `query`, or one that is no function. */
function isKnownTransaction(transaction: unknown): boolean {
  const { isTransaction, executeQuery, query } = (transaction ?? {}) as Readonly<Record<string, unknown>>
  return typeof query === 'function' || (typeof isTransaction === 'boolean' && typeof executeQuery === 'function')
}

/** Whether a statement sent there is part of a transaction; old `pg` clients can't say, and count as if they were. */
function isInTransaction(transaction: KyselyLike | PgClientLike): boolean {
  if ('isTransaction' in transaction) return transaction.isTransaction
  const isPool = 'totalCount' in transaction
  return !isPool && transaction.getTransactionStatus?.() !== 'I'
}
