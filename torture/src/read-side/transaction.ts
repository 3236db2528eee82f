import type { Sql } from '@commitcast/worker'
import type pg from 'pg'
import { sqlOf } from '../connect-worker.ts'

/** Runs `act` in one transaction; projections are handed the transaction twice. */
export type InTransaction = (act: (trx: Sql, sql: Sql) => Promise<void>) => Promise<void>

/** Makes the function that runs transactions, each on a connection of its own. What can't be rolled back is closed. */
export function createTransaction(pool: pg.Pool): InTransaction {
  return async (act) => {
    const client = await pool.connect()
    const sql = sqlOf(client)
    try {
      await client.query('begin')
      await act(sql, sql)
      await client.query('commit')
      client.release()
    } catch (error) {
      await client.query('rollback').then(
        () => client.release(),
        () => client.release(true),
      )
      throw error
    }
  }
}
