import { runProcess } from '@commitcast/worker'
import pg from 'pg'
import { answerQuestions } from './answer-questions.ts'
import { checkEverything } from './checker/check-everything.ts'
import { startLiveReader } from './checker/live-reader.ts'
import { openNatsLog } from './checker/nats-log.ts'
import { openPostgresLog } from './checker/postgres-log.ts'
import type { BrokerName } from './options.ts'

/** What the checker is given: the servers' own addresses. */
export interface CheckerConfig {
  readonly databaseUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
  /** With its epoch, as in the names of streams, and without. */
  readonly app: string
  readonly partitions: number
}

/** How far things are just now; undefined is what can't be asked in an outage. */
export interface Progress {
  readonly committed: number | undefined
  readonly stored: number | undefined
}

await runProcess('checker', async (context) => {
  const { signal } = context
  const config = JSON.parse(process.argv[2] ?? '{}') as CheckerConfig
  const { brokerUrl: url, app, partitions } = config
  const log =
    config.broker === 'nats'
      ? await openNatsLog({ url, topic: `${app}-events-1` })
      : openPostgresLog({ url, topic: `${app}-events` })
  const database = new pg.Pool({ connectionString: config.databaseUrl, max: 2, application_name: 'torture-checker' })
  database.on('error', () => {})
  const reader = startLiveReader(log, partitions, signal)
  const storedNow = async () => {
    let stored = 0
    for (let partition = 0; partition < partitions; partition++) stored += (await log.bounds(partition)).last
    return stored
  }
  answerQuestions(context, {
    async progress(): Promise<Progress> {
      const counted = await database
        .query<{ count: number }>('select count(*)::int as count from torture.ledger')
        .catch(() => undefined)
      return { committed: counted?.rows[0]?.count, stored: await storedNow().catch(() => undefined) }
    },
    check: () => checkEverything({ database, log, reader, partitions }),
  })
  await reader.done
  await Promise.allSettled([log.close(), database.end()])
})
