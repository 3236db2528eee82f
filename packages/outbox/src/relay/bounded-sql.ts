import type { Sql } from '@commitcast/worker'

/**
 * The same, but an answer that does not come within `ms` is an outage: a connection may stay open for many minutes after
 * the other side has gone, and not every driver notices (`surviveErrors` does for `pg`). What was asked may still happen, as
 * with any reply that is lost.
 */
export function boundedSql(sql: Sql, ms: number): Sql {
  return {
    query<TRow>(text: string, values?: readonly unknown[]) {
      const { promise, resolve, reject } = Promise.withResolvers<TRow[]>()
      const timer = setTimeout(() => {
        reject(Object.assign(new Error(`Postgres did not answer within ${ms} ms.`), { code: 'ETIMEDOUT' }))
      }, ms)
      sql
        .query<TRow>(text, values)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
      return promise
    },
  }
}
