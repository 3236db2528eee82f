import type pg from 'pg'
import type { Query } from './postgres-query.ts'
import { createReadCommitted, defaultIsolationSql } from './read-committed.ts'

/** Makes the function that sends statements over a pool, in READ COMMITTED. */
export function createAskPool(pool: pg.Pool): Query {
  const inReadCommitted = createReadCommitted(async () => {
    const { rows } = await pool.query<{ isolation: string }>(defaultIsolationSql)
    return rows[0]?.isolation
  })
  return (text, values = []) =>
    inReadCommitted(
      () => pool.query(text, [...values]),
      () => askInTransaction(pool, text, values),
    )
}

async function askInTransaction<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[],
): Promise<pg.QueryResult<TRow>> {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query('begin isolation level read committed')
    const result = await client.query<TRow>(text, [...values])
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((why: Error) => {
      failure = why
    })
    throw error
  } finally {
    client.release(failure)
  }
}
