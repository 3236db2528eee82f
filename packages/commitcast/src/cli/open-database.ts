import { surviveErrors } from '@commitcast/outbox'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

/** A Kysely instance for one command, which knows no tables. End it with `destroy()`. */
export function openDatabase(connectionString: string): Kysely<Record<string, never>> {
  const pool = new pg.Pool({
    connectionString,
    max: 10,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    application_name: 'commitcast',
  })
  surviveErrors(pool)
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}
