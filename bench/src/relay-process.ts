import { natsBroker } from '@commitcast/broker/nats'
import { runRelay, sqlOf } from '@commitcast/outbox'
import { runProcess } from 'commitcast/process'
import { Kysely, PostgresDialect } from 'kysely'
import { openPool } from './open-pool.ts'

/** What a relay process is given. */
export interface RelayConfig {
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly app: string
}

/** A relay as in production: a process of its own, woken by LISTEN, publishing to JetStream. */
await runProcess('relay', async ({ signal, logger }) => {
  const { databaseUrl, natsUrl, app } = JSON.parse(process.argv[2] ?? '{}') as RelayConfig
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: openPool(databaseUrl) }) })
  const broker = natsBroker({ servers: natsUrl })
  await runRelay({ sql: sqlOf(db), broker, app, schema: 'commitcast', listenTo: databaseUrl, signal, logger }).done
  await Promise.all([broker.close(), db.destroy()])
})
