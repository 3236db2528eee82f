import type { Server } from '@commitcast/servers'
import type pg from 'pg'
import { openPool } from '../open-pool.ts'

/** What a database does over a while. */
export interface Usage {
  readonly queriesPerSecond: number
  /** Of the whole server, its own housekeeping included. */
  readonly walBytesPerSecond: number
  /** The statements, most frequent first, for people. */
  readonly statements: readonly { readonly perSecond: number; readonly text: string }[]
}

/** Settings of a server whose statements can be counted, and whose WAL is what its clients cause. */
export const countingSettings = { shared_preload_libraries: 'pg_stat_statements', autovacuum: 'off' } as const

/** Counts the statements that clients send to one database of a server, without adding any to it. */
export async function openStatementCounter(server: Server) {
  const pool = openPool(server.url, { max: 1 })
  try {
    await pool.query('create extension if not exists pg_stat_statements')
    await pool.query('select pg_stat_statements_reset()')
  } catch (error) {
    await pool.end()
    throw new Error(
      `${server.origin} can't count statements: put pg_stat_statements into its shared_preload_libraries and restart it.`,
      { cause: error },
    )
  }
  return {
    walPosition: () => walPosition(pool),
    async watch(databaseUrl: string, seconds: number): Promise<Usage> {
      await pool.query('select pg_stat_statements_reset()')
      const [startedAt, before] = [performance.now(), await walPosition(pool)]
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
      const [elapsed, after] = [(performance.now() - startedAt) / 1_000, await walPosition(pool)]
      const statements = await statementsOf(pool, databaseUrl)
      return {
        queriesPerSecond: statements.reduce((sum, { calls }) => sum + calls, 0) / elapsed,
        walBytesPerSecond: (after - before) / elapsed,
        statements: statements.map(({ calls, text }) => ({ perSecond: calls / elapsed, text })),
      }
    },
    /** How many statements whose text fits `pattern` are sent while `act` runs. */
    async count(databaseUrl: string, pattern: RegExp, act: () => Promise<unknown>): Promise<number> {
      await pool.query('select pg_stat_statements_reset()')
      await act()
      const statements = await statementsOf(pool, databaseUrl)
      return statements.reduce((sum, { calls, text }) => sum + (pattern.test(text) ? calls : 0), 0)
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

export type StatementCounter = Awaited<ReturnType<typeof openStatementCounter>>

async function walPosition(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ bytes: string }>(`select pg_current_wal_insert_lsn() - '0/0' as bytes`)
  return Number(rows[0]?.bytes)
}

async function statementsOf(pool: pg.Pool, databaseUrl: string) {
  const { rows } = await pool.query<{ calls: string; query: string }>(
    `select calls, query from pg_stat_statements join pg_database on pg_database.oid = dbid
     where datname = $1 order by calls desc`,
    [decodeURIComponent(new URL(databaseUrl).pathname.slice(1))],
  )
  return rows.map(({ calls, query }) => ({ calls: Number(calls), text: query.replace(/\s+/g, ' ').slice(0, 90) }))
}
