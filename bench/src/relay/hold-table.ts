import pg from 'pg'

export interface HeldTable {
  /** Resolves when somebody waits for the table. */
  wanted(): Promise<void>
  /** Lets them have it. */
  release(): Promise<void>
}

const patienceMs = 30_000

/** Locks a table, so that a worker of somebody else's that starts at once finds it only when the clock starts. */
export async function holdTable(databaseUrl: string, table: string): Promise<HeldTable> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('begin')
  await client.query(`lock table ${table} in access exclusive mode`)
  return {
    async wanted() {
      for (const until = Date.now() + patienceMs; Date.now() < until; ) {
        const { rows } = await client.query('select from pg_locks where relation = $1::regclass and not granted', [
          table,
        ])
        if (rows.length > 0) return
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      throw new Error(`Nobody asked for ${table} within ${patienceMs} ms: did the worker start?`)
    },
    async release() {
      await client.query('commit')
      await client.end()
    },
  }
}
