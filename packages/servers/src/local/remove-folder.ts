import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * Removes a server's folder. A Postgres that was killed leaves a small System V shared memory segment behind, of which
 * a machine has only a few thousand; it goes as well. All of the server's processes must be gone.
 */
export async function removeFolder(folder: string): Promise<void> {
  await removeSharedMemory(join(folder, 'data', 'postmaster.pid'))
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

/** The 7th line of postmaster.pid holds the segment's key and number. A Postgres that ended well removed that file. */
async function removeSharedMemory(pidFile: string): Promise<void> {
  const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
  const segment = lines[6]?.trim().split(/\s+/)[1]
  if (segment === undefined || !/^\d+$/.test(segment)) return
  // A segment that is gone already, or a machine without ipcrm, is no reason to fail.
  await promisify(execFile)('ipcrm', ['-m', segment], { timeout: 2_000 }).catch(() => {})
}
