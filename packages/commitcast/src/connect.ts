import type { Broker } from '@commitcast/broker'
import { postgresBroker } from '@commitcast/broker/postgres'
import { surviveErrors } from '@commitcast/outbox'
import type { Logger } from '@commitcast/worker'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { GivenConnection, OwnConnection } from './commitcast.ts'

/** What a cast works with. */
export interface Connections<TDatabase> {
  readonly db: Kysely<TDatabase>
  readonly broker: Broker
  /** Where a relay listens. */
  readonly listenTo: string | undefined
  /** Closes the broker, and the pool where it is our own. */
  close(): Promise<void>
}

type Given<TDatabase> = (OwnConnection | GivenConnection<TDatabase>) & { readonly listenTo?: string }

/** Enough for an API process with its workers. */
const maxConnections = 20

/** Takes what the application gave, or opens what `connectionString` names. Connects to nothing yet. */
export function connect<TDatabase>(given: Given<TDatabase>, logger: Logger): Connections<TDatabase> {
  if (given.db) {
    const { db, broker, listenTo } = given
    return { db, broker, listenTo, close: () => broker.close() }
  }
  const { connectionString, listenTo = connectionString } = given
  const pool = new pg.Pool({ connectionString, max: maxConnections, application_name: 'commitcast' })
  surviveErrors(pool, (error) => logger.debug({ err: error }, 'a database connection was lost'))
  const db = new Kysely<TDatabase>({ dialect: new PostgresDialect({ pool }) })
  const broker = given.broker ?? postgresBroker({ connectionString })
  return {
    db,
    broker,
    listenTo,
    async close() {
      await broker.close()
      await db.destroy()
    },
  }
}
