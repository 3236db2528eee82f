import { lstatSync } from 'node:fs'
import { chmod, cp, readdir, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { watchedFolder } from './watched-folder.ts'

/**
 * A copy of a folder of programs that every user of the machine can read and run, for a project that lies where only
 * its owner may go. Made once for each `name` and owner and then used again, also when several processes ask at once.
 */
export async function readablePrograms(folder: string, name: string): Promise<string> {
  const copy = join(tmpdir(), `commitcast-${name}-for-${process.getuid?.()}`)
  if (isOurs(copy)) return copy
  const draft = await watchedFolder('draft')
  const programs = join(draft.path, 'programs')
  try {
    await cp(folder, programs, { recursive: true, verbatimSymlinks: true })
    await openToAll(programs)
    await rename(programs, copy).catch((error: Error) => {
      // Somebody else was faster.
      if (!isOurs(copy)) throw new Error(`Cannot make ${copy}: ${error.message}. Remove it.`, { cause: error })
    })
    return copy
  } finally {
    await draft.remove()
  }
}

/** In a folder for all, another user may have put something under our name: programs from it must not run. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, lstatSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}
