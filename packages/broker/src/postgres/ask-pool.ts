import type pg from 'pg'
import type { Query } from './postgres-broker.ts'

/** The SQLSTATE of a statement that fails under another isolation, and not in READ COMMITTED. */
const notSerializable = '40001'

/**
 * Makes the function that sends statements over a pool. They run in READ COMMITTED: where the default of the role or the
 * database is another, each in a transaction of its own that says so. It asks for the default once, and again where a
 * statement fails as under another one.
 */
export function createAskPool(pool: pg.Pool): Query {
  let isOther: Promise<boolean> | undefined
  return async (text, values = []) => {
    isOther ??= hasOtherDefault(pool).catch((error) => {
      isOther = undefined
      throw error
    })
    try {
      return (await isOther) ? await askInTransaction(pool, text, values) : await pool.query(text, [...values])
    } catch (error) {
      if ((error as { code?: unknown }).code === notSerializable) isOther = undefined
      throw error
    }
  }
}

async function hasOtherDefault(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ isolation: string }>(
    `select current_setting('default_transaction_isolation') as isolation`,
  )
  return rows[0]?.isolation !== 'read committed'
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
