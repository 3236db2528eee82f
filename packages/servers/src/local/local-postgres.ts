import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { postgresAnswers } from '../ask-postgres.ts'
import type { Server } from '../server.ts'
import type { PostgresPrograms } from './postgres-programs.ts'
import { programServer } from './program-server.ts'
import type { RunAs } from './run-as.ts'
import { runProgram } from './run-program.ts'
import { type WatchedFolder, watchedFolder } from './watched-folder.ts'

export interface LocalPostgresOptions {
  readonly user: RunAs | undefined
  readonly settings: Readonly<Record<string, string>>
  /** On top of the few that it has. */
  readonly env: Readonly<Record<string, string>>
}

const longestSocketPath = 107

/** A Postgres of our own from these programs: a fresh cluster in its own folder, trusting whoever can reach its port. */
export async function localPostgres({ bin, origin }: PostgresPrograms, options: LocalPostgresOptions): Promise<Server> {
  const { user, settings, env } = options
  const folder = await watchedFolder('postgres', user)
  const data = join(folder.path, 'data')
  try {
    await initdb(bin, data, folder, user)
    await appendFile(join(data, 'postgresql.conf'), settingsText({ ...placeOf(folder.path), ...settings }))
  } catch (error) {
    await folder.remove()
    throw error
  }
  return programServer({
    origin,
    folder,
    dataFolder: data,
    user,
    env: { ...plainEnv(), ...env },
    stopSignal: 'SIGINT',
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    command: (port) => [join(bin, 'postgres'), '-D', data, '-p', String(port)],
    answers: (url) => postgresAnswers(url, data),
  })
}

/** Without `--no-sync` initdb flushes some thousand files; what the server itself writes is flushed as ever. */
async function initdb(bin: string, data: string, folder: WatchedFolder, user: RunAs | undefined): Promise<void> {
  const make = (...locale: string[]) =>
    runProgram(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', ...locale, '--no-sync', '--no-instructions'],
      { timeoutMs: 120_000, ...user, cwd: folder.path, env: plainEnv(), watch: folder.watch },
    )
  try {
    await make('--locale=C.UTF-8')
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('invalid locale')) throw error
    await make('--no-locale')
  }
}

/** What ties the server to its folder: a mapped file there, not in the machine's shared memory, goes with the folder. */
function placeOf(folder: string): Record<string, string> {
  const socket = join(folder, '.s.PGSQL.65535.lock')
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: Buffer.byteLength(socket) > longestSocketPath ? '' : folder,
    dynamic_shared_memory_type: 'mmap',
  }
}

function settingsText(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`)
  return `\n${lines.join('\n')}\n`
}

/** PGDATA, PGPORT and the like are meant for other servers; messages stay in English for the checks on the log. */
function plainEnv(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' }
}
