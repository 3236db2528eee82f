import { sleep } from '@commitcast/worker'
import { withClient } from '../with-client.ts'

/** Locks a table for `ms`, as a careless migration does. Says whether it got the lock. */
export async function lockTable(url: string, table: string, ms: number): Promise<boolean> {
  let isLocked = false
  try {
    await withClient(url, async (client) => {
      await client.query(`begin; set local lock_timeout = '4s'; lock table ${table} in access exclusive mode`)
      isLocked = true
      await sleep(ms)
      await client.query('rollback')
    })
  } catch {
    // The server was killed meanwhile, or the table is in use: it counts where it was locked.
  }
  return isLocked
}
