import { runProcess } from '@commitcast/worker'
import pg from 'pg'
import { answerQuestions } from './answer-questions.ts'
import type { BrokerLog } from './checker/broker-log.ts'
import { checkEverything } from './checker/check-everything.ts'
import type { ReadSide } from './checker/check-read-side.ts'
import { startLiveReader } from './checker/live-reader.ts'
import { openNatsLog } from './checker/nats-log.ts'
import { openPostgresLog } from './checker/postgres-log.ts'
import type { BrokerName } from './options.ts'

/** What the checker is given: the servers' own addresses. */
export interface CheckerConfig {
  readonly databaseUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
  readonly app: string
  readonly partitions: number
  /** With stream: the file that the handler's effects go to. */
  readonly effectsPath?: string
}

/** How far things are just now; null is what can't be asked in an outage. */
export interface Progress {
  readonly committed: number | null
  readonly stored: number | null
  /** With stream: how many events have live messages, and how many each group has done. */
  readonly followed: Readonly<Record<string, number | null>>
}

await runProcess('checker', async (context) => {
  const { signal } = context
  const config = JSON.parse(process.argv[2] ?? '{}') as CheckerConfig
  const { app, partitions, effectsPath } = config
  const log = await openLog(config, `${app}-events`)
  const database = new pg.Pool({ connectionString: config.databaseUrl, max: 2, application_name: 'torture-checker' })
  database.on('error', () => {})
  const reader = startLiveReader(log, partitions, signal)
  const readSide = effectsPath === undefined ? undefined : await openReadSide(config, effectsPath, signal)
  answerQuestions(context, {
    async progress(): Promise<Progress> {
      return {
        committed: await countIn(database, 'select count(*)::int as count from torture.ledger'),
        stored: await storedIn(log, partitions),
        followed: readSide
          ? {
              live: await storedIn(readSide.log, partitions),
              chains: await countIn(database, doneBy('chains')),
              effects: await countIn(database, doneBy('effects')),
            }
          : {},
      }
    },
    check: () => checkEverything({ database, log, reader, partitions, ...(readSide && { readSide }) }),
  })
  await Promise.all([reader.done, readSide?.reader.done])
  await Promise.allSettled([log.close(), readSide?.log.close(), database.end()])
})

async function openLog({ broker, brokerUrl: url }: CheckerConfig, topic: string): Promise<BrokerLog> {
  return broker === 'nats' ? openNatsLog({ url, topic: `${topic}-1` }) : openPostgresLog({ url, topic })
}

async function openReadSide(config: CheckerConfig, effectsPath: string, signal: AbortSignal): Promise<ReadSide> {
  const log = await openLog(config, `${config.app}-live`)
  return { log, reader: startLiveReader(log, config.partitions, signal), effectsPath }
}

async function storedIn(log: BrokerLog, partitions: number): Promise<number | null> {
  let stored = 0
  try {
    for (let partition = 0; partition < partitions; partition++) stored += (await log.bounds(partition)).last
    return stored
  } catch {
    return null
  }
}

async function countIn(database: pg.Pool, query: string): Promise<number | null> {
  const counted = await database.query<{ count: number }>(query).catch(() => undefined)
  return counted?.rows[0]?.count ?? null
}

/** How far a group says that it is. */
function doneBy(group: string): string {
  return `select coalesce(sum("offset"), 0)::int as count from (
    select distinct on (partition) "offset" from commitcast.group_offset where grp = '${group}' order by partition, number desc
  ) as newest`
}
