import { type Sql, sleep } from '@commitcast/worker'
import type { InTransaction } from '../read-side/transaction.ts'

const lateMs = 250

/** Commits a group's offset over another connection, a moment before the transaction whose writes it speaks for. */
export function offsetOutsideTransaction(transaction: InTransaction, outside: Sql): InTransaction {
  return (act) =>
    transaction((trx, sql) =>
      act(trx, {
        async query<TRow>(text: string, values: readonly unknown[] = []) {
          if (!text.includes('commit_offset')) return sql.query<TRow>(text, values)
          const rows = await outside.query<TRow>(text, values)
          await sleep(lateMs)
          return rows
        },
      }),
    )
}
