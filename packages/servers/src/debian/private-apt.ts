import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../local/run-program.ts'

/** An apt-get that works below one folder and leaves the machine as it is. */
export interface PrivateApt {
  /** Downloads packages with what they need and the machine lacks. Gives the paths of the package files. */
  download(packages: readonly string[]): Promise<string[]>
}

const aptGet = '/usr/bin/apt-get'

export interface PrivateAptOptions {
  readonly timeoutMs: number
  /** Told the number of each process that runs. */
  readonly watch: (pid: number) => unknown
}

/** Whether this is Debian, Ubuntu or the like. */
export function hasApt(): boolean {
  return existsSync(aptGet) && existsSync('/usr/bin/dpkg-deb')
}

/** An apt-get with lists and packages in `folder`, and with the machine's own sources and record of what it has. */
export async function privateApt(folder: string, { timeoutMs, watch }: PrivateAptOptions): Promise<PrivateApt> {
  const end = performance.now() + timeoutMs
  const config = join(folder, 'apt.conf')
  const archives = join(folder, 'cache', 'archives')
  for (const needed of [join(folder, 'state', 'lists', 'partial'), join(archives, 'partial')]) {
    await mkdir(needed, { recursive: true })
  }
  await writeFile(config, configText(folder))
  const apt = (...args: string[]): Promise<string> => {
    const left = Math.max(1_000, end - performance.now())
    const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' } as Record<string, string>
    return runProgram(aptGet, ['--config-file', config, '--quiet', ...args], { timeoutMs: left, env, watch })
  }
  return {
    async download(packages) {
      // One source of several that is out of reach is no hindrance while the others have the package.
      const updated = await apt('update').then(
        () => '',
        (error: Error) => `\nBefore that: ${error.message}`,
      )
      await apt('install', ...downloadOnly, ...packages).catch((cause: Error) => {
        throw new Error(`${cause.message}${updated}`, { cause })
      })
      const files = (await readdir(archives)).filter((file) => file.endsWith('.deb'))
      if (files.length === 0) throw new Error(`apt-get has no file to download for ${packages.join(', ')}${updated}`)
      return files.map((file) => join(archives, file))
    },
  }
}

/** `--reinstall`: also a package that the machine has is wanted as a file. */
const downloadOnly = ['--yes', '--no-install-recommends', '--reinstall', '--download-only']

/** Read after the machine's own configuration, so that its proxies hold and its hooks, which want root, do not. */
function configText(folder: string): string {
  return `
#clear APT::Update;
#clear DPkg;
Dir::State ${JSON.stringify(join(folder, 'state'))};
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache ${JSON.stringify(join(folder, 'cache'))};
Dir::Log ${JSON.stringify(join(folder, 'log'))};
Debug::NoLocking "1";
${process.getuid?.() === 0 ? 'APT::Sandbox::User "root";' : ''}
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
`
}
