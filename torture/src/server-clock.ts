import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The clock that processes of ours see, a server's or a crew's, by libfaketime. Only the time of day moves; what measures durations does not. */
export interface ServerClock extends AsyncDisposable {
  /** What the processes are started with. */
  readonly env: Readonly<Record<string, string>>
  /** Sets it so many seconds before or after the true time, within a second or so. */
  set(seconds: number): Promise<void>
}

const libraries = [
  ...(process.env.LIBFAKETIME ? [process.env.LIBFAKETIME] : []),
  ...['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`),
]

/** Makes a clock that shows the true time; `undefined` where libfaketime is not installed (`apt-get install faketime`). */
export async function openServerClock(): Promise<ServerClock | undefined> {
  const library = libraries.find(existsSync)
  if (library === undefined) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'commitcast-clock-'))
  // The server may run as another user.
  await chmod(folder, 0o755)
  const path = join(folder, 'offset')
  const set = async (seconds: number) => {
    await writeFile(`${path}.new`, `${seconds < 0 ? '' : '+'}${seconds}`, { mode: 0o644 })
    await rename(`${path}.new`, path)
  }
  await set(0)
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    set,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
