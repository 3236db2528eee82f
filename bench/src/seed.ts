import { openPool } from './open-pool.ts'

export interface SeedOptions {
  readonly databaseUrl: string
  readonly transactions: number
  /** Whether a checkpoint ends it, after which the first change of each page logs the whole page. Default yes. */
  readonly checkpoint?: boolean
}

const writers = 4

/**
 * Runs `statement` in `transactions` transactions, on four connections at once, with `n` from 1 on. The loops are the server's
 * and commits are asynchronous: the same transactions as a client's, without its round trips. Then the database is
 * vacuumed and analysed, so that no contender pays for what the writing left behind.
 */
export async function seed(options: SeedOptions, statement: string): Promise<void> {
  const { databaseUrl, transactions, checkpoint = true } = options
  const pool = openPool(databaseUrl, { options: '-c synchronous_commit=off -c commitcast.notify=off' })
  try {
    await Promise.all(Array.from({ length: writers }, (_, writer) => pool.query(loop(writer))))
    await pool.query('vacuum analyze')
    if (checkpoint) await pool.query('checkpoint')
  } finally {
    await pool.end()
  }

  function loop(writer: number): string {
    return `do $$ begin
      for n in ${writer + 1}..${transactions} by ${writers} loop
        ${statement};
        commit;
      end loop;
    end $$`
  }
}
