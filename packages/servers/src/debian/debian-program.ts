import { mkdir, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readablePrograms } from '../local/readable-programs.ts'
import type { RunAs } from '../local/run-as.ts'
import { runProgram } from '../local/run-program.ts'
import { watchedFolder } from '../local/watched-folder.ts'
import { hasApt, privateApt } from './private-apt.ts'
import { addFonts, environmentIn, programIn } from './unpacked-root.ts'

/** A program from a Debian package, and what it needs in its environment besides its usual one. */
export interface DebianProgram {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
}

export interface DebianProgramOptions {
  /** Packages to unpack with it, such as fonts. Default: none. */
  readonly also?: readonly string[]
  /** How long download and unpacking may take. Default: 180 s; a browser is some 100 MB. */
  readonly timeoutMs?: number
  /** Another user of this machine who is to run it: a copy is made in the folder for temporary files, which all can read. */
  readonly user?: RunAs | undefined
}

/**
 * A program from a package of this machine's own Debian or Ubuntu, unpacked with its libraries into a cache folder.
 * Needs apt-get and its sources, no root, and changes nothing else on the machine. Done once; later calls, and calls
 * of other processes at the same time, share the outcome. Remove `commitcast` from `~/.cache` (or `XDG_CACHE_HOME`)
 * to have it done again.
 */
export async function debianProgram(
  packageName: string,
  programName: string,
  { also = [], timeoutMs = 180_000, user }: DebianProgramOptions = {},
): Promise<DebianProgram> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'commitcast', 'debian')
  const name = [packageName, ...also].join('+')
  const unpacked = join(cache, name)
  if ((await programIn(unpacked, packageName, programName)) === undefined) {
    if (!hasApt()) throw new Error('this machine has no apt-get: it is not Debian or Ubuntu')
    await mkdir(cache, { recursive: true }).catch((cause: Error) => {
      throw new Error(`cannot write to ${cache}: ${cause.message}. Set XDG_CACHE_HOME to a folder of yours`, { cause })
    })
    await unpackInto(unpacked, cache, { packages: [packageName, ...also], timeoutMs })
  }
  const root = user === undefined ? unpacked : await readablePrograms(unpacked, `debian-${name}`)
  const path = await programIn(root, packageName, programName)
  if (path === undefined)
    throw new Error(`Debian's package ${packageName} holds no program ${programName} (see ${root})`)
  return { path, env: await environmentIn(root) }
}

interface Unpacking {
  readonly packages: readonly string[]
  readonly timeoutMs: number
}

/** Works in a draft beside the goal, and moves what is finished there in one step. */
async function unpackInto(root: string, cache: string, { packages, timeoutMs }: Unpacking): Promise<void> {
  const end = performance.now() + timeoutMs
  const draft = await watchedFolder('draft', undefined, cache)
  try {
    const apt = await privateApt(draft.path, { timeoutMs, watch: draft.watch })
    const unpacked = join(draft.path, 'root')
    for (const file of await apt.download(packages)) {
      const left = Math.max(1_000, end - performance.now())
      await runProgram('/usr/bin/dpkg-deb', ['-x', file, unpacked], { timeoutMs: left, watch: draft.watch })
    }
    await addFonts(unpacked, root)
    await rename(unpacked, root).catch((error: NodeJS.ErrnoException) => {
      // Another process was faster: its outcome is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await draft.remove()
  }
}
