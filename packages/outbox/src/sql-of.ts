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

/** What we need of what `db.transaction()` returns. */
interface TransactionBuilderLike {
  setIsolationLevel(level: 'read committed'): TransactionBuilderLike
  setAccessMode(mode: 'read write'): TransactionBuilderLike
  execute<T>(act: (transaction: KyselyLike) => Promise<T>): Promise<T>
}

/**
 * Statements over the application's own Kysely instance or transaction. What the application has set does not change them:
 * its plugins see neither statements nor rows; parameters are texts, numbers and booleans, which every driver sends alike;
 * and outside a transaction a statement runs in READ COMMITTED and READ WRITE, whatever the defaults of the role and the
 * database are. Select texts, `int`, `float8` and booleans: drivers and their parsers return other types in their own ways.
 */
export function sqlOf(db: KyselyLike): Sql {
  const plain = db.withoutPlugins()
  return plain.isTransaction ? { query: (text, values) => ask(plain, text, values) } : withOwnDefaults(plain)
}

/** SQLSTATEs of a serialisation failure and of a write in a read-only transaction. */
const failuresOfOtherDefaults = new Set(['40001', '25006'])

/** It asks once what the defaults are, and again where a statement fails as one under other defaults does. */
function withOwnDefaults(db: KyselyLike): Sql {
  let areOther: Promise<boolean> | undefined
  return {
    async query<TRow>(text: string, values?: readonly unknown[]) {
      areOther ??= haveOtherDefaults(db).catch((error) => {
        areOther = undefined
        throw error
      })
      try {
        if (!(await areOther) || hasNoTransaction(text)) return await ask<TRow>(db, text, values)
        const own = db.transaction().setIsolationLevel('read committed').setAccessMode('read write')
        return await own.execute((transaction) => ask<TRow>(transaction, text, values))
      } catch (error) {
        if (failuresOfOtherDefaults.has((error as { code?: string }).code ?? '')) areOther = undefined
        throw error
      }
    },
  }
}

async function haveOtherDefaults(db: KyselyLike): Promise<boolean> {
  const [row] = await ask<{ isolation: string; access: string }>(
    db,
    `select current_setting('default_transaction_isolation') as isolation,
       current_setting('default_transaction_read_only') as access`,
  )
  return row!.isolation !== 'read committed' || row!.access !== 'off'
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
