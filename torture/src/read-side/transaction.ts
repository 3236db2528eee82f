import { sqlOf } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { Kysely } from 'kysely'

/** Runs `act` in one transaction; projections are handed the transaction twice. */
export type InTransaction = (act: (trx: Sql, sql: Sql) => Promise<void>) => Promise<void>

/** Makes the function that runs transactions, each on a connection of its own. */
export function createTransaction(db: Kysely<Record<string, never>>): InTransaction {
  return (act) =>
    db
      .transaction()
      .setIsolationLevel('read committed')
      .execute((trx) => act(sqlOf(trx), sqlOf(trx)))
}
