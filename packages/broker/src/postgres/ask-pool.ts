import type pg from 'pg'
import type { Query } from './postgres-broker.ts'

/** SQLSTATEs of a serialisation failure and of a write in a read-only transaction. */
const failuresOfOtherDefaults = new Set(['40001', '25006'])

/**
 * Makes the function that sends statements over a pool. They run in READ COMMITTED and READ WRITE: where the defaults of the
 * role or the database are others, each in a transaction of its own that says so. It asks for the defaults once, and again
 * where a statement fails as one under other defaults does.
 */
export function createAskPool(pool: pg.Pool): Query {
  let areOther: Promise<boolean> | undefined
  return async (text, values = []) => {
    areOther ??= haveOtherDefaults(pool).catch((error) => {
      areOther = undefined
      throw error
    })
    try {
      return (await areOther) ? await askInTransaction(pool, text, values) : await pool.query(text, [...values])
    } catch (error) {
      if (failuresOfOtherDefaults.has((error as { code?: string }).code ?? '')) areOther = undefined
      throw error
    }
  }
}

async function haveOtherDefaults(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ isolation: string; access: string }>(
    `select current_setting('default_transaction_isolation') as isolation,
       current_setting('default_transaction_read_only') as access`,
  )
  return rows[0]!.isolation !== 'read committed' || rows[0]!.access !== 'off'
}

async function askInTransaction<TRow extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[],
): Promise<pg.QueryResult<TRow>> {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query('begin isolation level read committed read write')
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
