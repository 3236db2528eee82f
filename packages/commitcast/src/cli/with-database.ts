import { defaultSchema, sqlOf } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { Kysely } from 'kysely'
import { openDatabase } from './open-database.ts'

/** As `readSettings` reads them. */
export interface DatabaseSettings {
  readonly database: string
  /** Default `commitcast`. */
  readonly schema?: string
}

export interface CommandDatabase {
  readonly db: Kysely<Record<string, never>>
  readonly sql: Sql
  readonly schema: string
}

/**
 * What a command does on its database, whose connections are closed afterwards, however it went. Says nothing of what is
 * there: `withTable`, or `requireTopic`, comes first in most.
 */
export async function withDatabase<T>(
  { database, schema = defaultSchema }: DatabaseSettings,
  act: (opened: CommandDatabase) => Promise<T>,
): Promise<T> {
  const db = openDatabase(database)
  try {
    return await act({ db, sql: sqlOf(db), schema })
  } finally {
    await db.destroy()
  }
}
