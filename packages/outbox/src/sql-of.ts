import { createReadCommitted, defaultIsolationSql } from '@commitcast/broker/read-committed'
import type { Sql } from '@commitcast/worker'
import { CompiledQuery, type QueryResult } from 'kysely'
import { textArray } from './text-array.ts'

/** What we need of a Kysely instance or transaction, whatever its tables. */
export interface KyselyLike {
  readonly isTransaction: boolean
  executeQuery<TRow>(query: CompiledQuery<TRow>): Promise<QueryResult<TRow>>
  withoutPlugins(): KyselyLike
  transaction(): TransactionBuilderLike
}

/** A `pg` client, or anything with its `query`. */
export interface PgClientLike {
  query(text: string, values: unknown[]): Promise<unknown>
  /** Of newer `pg` clients: `I` outside a transaction. */
  getTransactionStatus?(): string | null
}

/** A transaction of Kysely, or a `pg` client on which BEGIN was sent; a Kysely instance and a pool are refused by the compiler. */
export type TransactionLike = KyselyTransactionLike | (PgClientLike & { readonly totalCount?: never })

interface KyselyTransactionLike extends KyselyLike {
  readonly isTransaction: true
}

/** What we need of what `db.transaction()` returns. */
interface TransactionBuilderLike {
  setIsolationLevel(level: 'read committed'): TransactionBuilderLike
  execute<T>(act: (transaction: KyselyLike) => Promise<T>): Promise<T>
}

/**
 * Statements over the application's own Kysely instance or transaction. What the application has set does not change them:
 * its plugins see neither statements nor rows; parameters are texts, numbers and booleans, which every driver sends alike;
 * and outside a transaction a statement runs in READ COMMITTED, whatever the default of the role or the database is. A
 * default of read-only is an operator's to set, and holds. Select texts, `int`, `float8` and booleans: drivers and their parsers return other types in their own ways.
 */
export function sqlOf(db: KyselyLike): Sql {
  const plain = db.withoutPlugins()
  return plain.isTransaction ? { query: (text, values) => ask(plain, text, values) } : inReadCommitted(plain)
}

/** Statements in what an application passes as its transaction. */
export function sqlIn(transaction: KyselyLike | PgClientLike): Sql {
  if ('isTransaction' in transaction) return sqlOf(transaction)
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = (await transaction.query(text, [...values])) as { readonly rows: TRow[] }
      return rows
    },
  }
}

function inReadCommitted(db: KyselyLike): Sql {
  const run = createReadCommitted(async () => {
    const [row] = await ask<{ isolation: string }>(db, defaultIsolationSql)
    return row?.isolation
  })
  return {
    query<TRow>(text: string, values?: readonly unknown[]) {
      const plain = () => ask<TRow>(db, text, values)
      const own = () =>
        db
          .transaction()
          .setIsolationLevel('read committed')
          .execute((transaction) => ask<TRow>(transaction, text, values))
      return run(plain, hasNoTransaction(text) ? plain : own)
    },
  }
}

/** Postgres refuses it in a transaction. */
function hasNoTransaction(text: string): boolean {
  return text.endsWith(' concurrently')
}

async function ask<TRow>(db: KyselyLike, text: string, values: readonly unknown[] = []): Promise<TRow[]> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(text, values.map(toParameter)) as CompiledQuery<TRow>)
  return rows
}

function toParameter(value: unknown): unknown {
  if (Array.isArray(value)) return textArray(value)
  return typeof value === 'bigint' ? value.toString() : value
}
