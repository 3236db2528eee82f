import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { startHub } from '@commitcast/live'
import { readTopic, runRelay, sqlOf } from '@commitcast/outbox'
import { runEnrichment } from '@commitcast/stream'
import { runProcess } from 'commitcast/process'
import { Kysely, PostgresDialect } from 'kysely'
import { answerParent } from '../child/answer-parent.ts'
import { openPool } from '../open-pool.ts'

/** What a pipeline process is given. */
export interface PipelineConfig {
  readonly databaseUrl: string
  /** Without one the database is the broker, too. */
  readonly natsUrl: string | null
  readonly app: string
}

/** A whole pipeline: one relay, one stream worker, and the hub of an API process. */
await runProcess('pipeline', async ({ signal, logger }) => {
  const { databaseUrl, natsUrl, app } = JSON.parse(process.argv[2] ?? '{}') as PipelineConfig
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool: openPool(databaseUrl) }) })
  const sql = sqlOf(db)
  const broker = natsUrl === null ? postgresBroker({ connectionString: databaseUrl }) : natsBroker({ servers: natsUrl })
  const shared = { sql, broker, app, schema: 'commitcast', signal, logger }
  const relay = runRelay({ ...shared, listenTo: databaseUrl })
  const stream = runEnrichment({
    ...shared,
    enrichment: { enrichers: {}, channels: (event) => [`order:${event.key}`] },
  })
  const live = await broker.topic({ name: `${app}-live`, ...(await readTopic(sql, 'commitcast')) })
  const hub = await startHub({ topic: live, signal, logger })
  /** How many events have come all the way. */
  const arrived = async () => hub.heads.reduce((sum, head) => sum + head, 0)
  await answerParent(signal, { arrived })
  await Promise.all([relay.done, stream.done, hub.done])
  await Promise.all([broker.close(), db.destroy()])
})
