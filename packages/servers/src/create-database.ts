import { randomUUID } from 'node:crypto'
import { askPostgres } from './ask-postgres.ts'

/** A database of its own for one test. */
export interface Database extends AsyncDisposable {
  readonly url: string
  /** Removes it, ending whatever is connected to it. Calling it twice is fine. */
  drop(): Promise<void>
}

const answerMs = 30_000

/** Makes an empty database on a server. `name` is the readable beginning of its name, which is always a new one. */
export async function createDatabase(server: { readonly url: string } | string, name = 'test'): Promise<Database> {
  const home = typeof server === 'string' ? server : server.url
  const database = `${name.slice(0, 40)}_${randomUUID().slice(0, 8)}`
  const quoted = `"${database.replaceAll('"', '""')}"`
  await askPostgres(home, `create database ${quoted} template template0`, answerMs)
  const url = new URL(home)
  url.pathname = `/${encodeURIComponent(database)}`
  const drop = async (): Promise<void> => {
    await askPostgres(home, `drop database if exists ${quoted} with (force)`, answerMs)
  }
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}
