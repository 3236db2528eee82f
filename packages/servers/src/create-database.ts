import { randomUUID } from 'node:crypto'
import { askPostgres } from './ask-postgres.ts'

/** A database of its own for one test. */
export interface Database extends AsyncDisposable {
  readonly url: string
  /** Removes it, ending whatever is connected to it. Calling it twice is fine. */
  drop(): Promise<void>
}

export interface DatabaseOptions {
  /** The name of a database to begin as a copy of, to which no one is connected. Needs Postgres 15. Default: an empty one. */
  readonly template?: string
}

const answerMs = 60_000

/** Makes a database on a server. `name` is the readable beginning of its name, which is always a new one. */
export async function createDatabase(
  server: { readonly url: string } | string,
  name = 'test',
  { template }: DatabaseOptions = {},
): Promise<Database> {
  const home = typeof server === 'string' ? server : server.url
  const database = `${name.slice(0, 40)}_${randomUUID().slice(0, 8)}`
  // By files: through the log each page of the copy is written twice.
  const source = template === undefined ? 'template template0' : `template ${quoted(template)} strategy file_copy`
  await askPostgres(home, `create database ${quoted(database)} ${source}`, answerMs)
  const url = new URL(home)
  url.pathname = `/${encodeURIComponent(database)}`
  const drop = async (): Promise<void> => {
    await askPostgres(home, `drop database if exists ${quoted(database)} with (force)`, answerMs)
  }
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
