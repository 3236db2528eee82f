import type pg from 'pg'

/** Runs `act` in a transaction of its own. Resolves with what it gave when the reply to COMMIT is there. */
export async function inTransaction<T>(pool: pg.Pool, act: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const given = await act(client)
    await client.query('commit')
    return given
  } finally {
    client.release()
  }
}
