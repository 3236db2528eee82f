import type { Sql } from '@commitcast/worker'
import { CompiledQuery, type QueryResult } from 'kysely'

/** What we need of a Kysely instance or transaction, whatever its tables. */
export interface KyselyLike {
  readonly isTransaction: boolean
  executeQuery<TRow>(query: CompiledQuery<TRow>): Promise<QueryResult<TRow>>
}

/** Lets workers use the application's own Kysely instance. */
export function sqlOf(db: KyselyLike): Sql {
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = await db.executeQuery(CompiledQuery.raw(text, [...values]) as CompiledQuery<TRow>)
      return rows
    },
  }
}
