import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askPostgres, postgresAnswers } from '../ask-postgres.ts'
import type { Server } from '../server.ts'
import type { PgbouncerProgram } from './pgbouncer-program.ts'
import { programServer } from './program-server.ts'
import type { RunAs } from './run-as.ts'
import { watchedFolder } from './watched-folder.ts'

export interface LocalPgbouncerOptions {
  readonly user: RunAs | undefined
  /** The Postgres behind it. */
  readonly postgres: string
  readonly settings: Readonly<Record<string, string>>
}

/** A PgBouncer of our own in front of a Postgres, which lets in whoever can reach its port. */
export async function localPgbouncer(program: PgbouncerProgram, options: LocalPgbouncerOptions): Promise<Server> {
  const { user, postgres, settings } = options
  const { path, env, origin } = program
  const folder = await watchedFolder('pgbouncer', user)
  const file = join(folder.path, 'pgbouncer.ini')
  return programServer({
    origin,
    folder,
    dataFolder: folder.path,
    user,
    env,
    stopSignal: 'SIGINT',
    url: (port) => Object.assign(new URL(postgres), { host: `127.0.0.1:${port}`, password: '' }).href,
    prepare: (port) => writeFile(file, configText(postgres, { ...settings, listen_port: String(port) })),
    command: () => [path, file],
    async answers(url) {
      const console = Object.assign(new URL(url), { pathname: '/pgbouncer' }).href
      const shown = await askPostgres(console, 'show config')
      if (!shown.some(({ key, value }) => key === 'conffile' && value === file))
        throw new Error(`another PgBouncer answers at ${url}`)
      await postgresAnswers(url)
    },
  })
}

function configText(postgres: string, settings: Readonly<Record<string, string>>): string {
  const { hostname, port, username, password } = new URL(postgres)
  const behind = {
    host: hostname,
    port: port || '5432',
    user: decodeURIComponent(username),
    ...(password && { password: decodeURIComponent(password) }),
  }
  const all = { listen_addr: '127.0.0.1', unix_socket_dir: '', auth_type: 'any', ...settings }
  const target = Object.entries(behind).map(([name, value]) => `${name}='${value.replaceAll("'", "''")}'`)
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  return `[databases]\n* = ${target.join(' ')}\n[pgbouncer]\n${lines.join('\n')}\n`
}
