import { natsBroker } from '@commitcast/broker/nats'
import { sqlOf } from '@commitcast/outbox'
import { runEnrichment } from '@commitcast/stream'
import { runProcess } from 'commitcast/process'
import { Kysely, PostgresDialect } from 'kysely'
import { openPool } from '../open-pool.ts'
import { ordersEnrichment } from './orders-enrichment.ts'
import { orderEvents } from './sample-orders.ts'

/** What a stream process is given. */
export interface StreamConfig {
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly app: string
}

/** A stream worker as in production: a process of its own, looking customers and books up. */
await runProcess('stream', async ({ signal, logger }) => {
  const { databaseUrl, natsUrl, app } = JSON.parse(process.argv[2] ?? '{}') as StreamConfig
  const pool = openPool(databaseUrl)
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  const broker = natsBroker({ servers: natsUrl })
  const worker = runEnrichment({
    sql: sqlOf(db),
    broker,
    app,
    schema: 'commitcast',
    enrichment: ordersEnrichment(pool),
    upcast: orderEvents.upcast,
    signal,
    logger,
  })
  await worker.done
  await Promise.all([broker.close(), db.destroy()])
})
