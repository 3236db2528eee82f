import type pg from 'pg'

/** One statement of a business transaction. */
export type Write = (client: pg.PoolClient) => Promise<unknown>

/** Connections that run one-row transactions as fast as they can. */
export interface Writers {
  /** How many transactions have been committed so far. */
  readonly committed: number
  /** Resolves when the transactions that are under way are done. Rejects when one failed. */
  stop(): Promise<void>
}

/** BEGIN, one statement, COMMIT, over and over, on each of the connections. */
export function startWriters(clients: readonly pg.PoolClient[], write: Write): Writers {
  let committed = 0
  let isStopping = false
  const loop = async (client: pg.PoolClient) => {
    while (!isStopping) {
      await client.query('begin')
      await write(client)
      await client.query('commit')
      committed++
    }
  }
  const loops = Promise.all(clients.map(loop))
  // Whoever stops them hears of a failure.
  loops.catch(() => {})
  return {
    get committed() {
      return committed
    },
    async stop() {
      isStopping = true
      await loops
    },
  }
}
