import { type KyselyLike, type PgClientLike, sqlOf } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** What an application passes as its transaction, as `Sql`. */
export function toSql(transaction: KyselyLike | PgClientLike): Sql {
  if ('isTransaction' in transaction) return sqlOf(transaction)
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = (await transaction.query(text, [...values])) as { rows: TRow[] }
      return rows
    },
  }
}
