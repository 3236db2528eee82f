import { type Sql, sleep } from '@commitcast/worker'
import type { InTransaction } from '../read-side/transaction.ts'

const lateMs = 800

/** Cancels time-outs over another connection, a moment after the transaction that ended what they were about. */
export function cancelAfterCommit(transaction: InTransaction, outside: Sql): InTransaction {
  return async (act) => {
    const later: (() => Promise<unknown>)[] = []
    await transaction((trx, sql) => {
      later.length = 0
      return act(trx, {
        async query<TRow>(text: string, values: readonly unknown[] = []) {
          if (!text.includes('.unschedule(')) return sql.query<TRow>(text, values)
          later.push(() => outside.query(text, values))
          return []
        },
      })
    })
    void sleep(lateMs).then(() => Promise.allSettled(later.map((cancel) => cancel())))
  }
}
