import { runProcess } from 'commitcast/process'
import pg from 'pg'
import { answerQuestions } from './answer-questions.ts'
import type { BrokerLog } from './checker/broker-log.ts'
import { checkEverything } from './checker/check-everything.ts'
import { openCount, purchaseEventsCount } from './checker/check-purchases.ts'
import type { Effects } from './checker/check-read-side.ts'
import { type EpochLogs, openEpochLogs } from './checker/epoch-logs.ts'
import { openNatsLog } from './checker/nats-log.ts'
import { openPostgresLog } from './checker/postgres-log.ts'
import type { BrokerName } from './options.ts'
import { patiently } from './patiently.ts'

/** What the checker is given: the servers' own addresses. */
export interface CheckerConfig {
  readonly databaseUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
  readonly app: string
  readonly partitions: number
  /** With stream: the files that the handlers' effects go to. */
  readonly effects?: Effects
  /** Whether purchases are made. */
  readonly withPurchases: boolean
}

/** How far things are just now; null is what can't be asked in an outage. */
export interface Progress {
  readonly committed: number | null
  readonly stored: number | null
  /** With stream: how many events have live messages, and how many each group has done. */
  readonly followed: Readonly<Record<string, number | null>>
  /** With processes: what has to happen until every purchase has ended. */
  readonly open: number | null
  /** Events that groups have set aside. */
  readonly parked: number | null
}

const outageMs = 60_000
/** The last offset of each epoch and partition. What was assigned behind the end of one that has ended is in the next one. */
const endsOfEpochs = `select epoch, partition, least(max(first_offset + count - 1), min(epoch_end."offset")) as last
  from commitcast.page left join commitcast.epoch_end using (epoch, partition) group by epoch, partition`
const committedCount = (others: string) =>
  `select ((select count(*) from torture.ledger) + (select count(*) from torture.poison) + (${others}))::int as count`
/** What is poison waits for an operator. */
const parkedCount = `select count(*)::int as count from commitcast.parked
  where not exists (select from torture.poison where poison.id = parked.event_id)`

await runProcess('checker', async (context) => {
  const { signal, logger } = context
  const config = JSON.parse(process.argv[2] ?? '{}') as CheckerConfig
  const { app, partitions, effects, withPurchases } = config
  const database = new pg.Pool({ connectionString: config.databaseUrl, max: 2, application_name: 'torture-checker' })
  database.on('error', () => {})
  const follow = (topic: string) => {
    const open = (epoch: number) => openLog(config, topic, epoch)
    return patiently(() => openEpochLogs(open, { partitions, signal }), { ms: outageMs, signal, logger })
  }
  const events = await follow(`${app}-events`)
  const followed = effects && { live: await follow(`${app}-live`), effects }
  /** Follows the topics into the epochs that there are by now. */
  const followEpochs = async () => {
    const { rows } = await database.query<{ epoch: number }>('select epoch from commitcast.topic')
    await Promise.all([events, followed?.live].map((logs) => logs?.followTo(rows[0]!.epoch)))
  }
  const check = async () => {
    await followEpochs()
    return checkEverything({ database, events, partitions, withPurchases, ...(followed && { followed }) })
  }
  answerQuestions(context, {
    async progress(): Promise<Progress> {
      await followEpochs().catch(() => {})
      const ends = await readEnds(database).catch(() => undefined)
      const done = async (group: string) => countIn(database, doneBy(group))
      const purchaseGroups = withPurchases ? ['purchases', 'repurchases', 'stock', 'wallet'] : []
      const bought = purchaseGroups.map(async (group) => [group, await done(group)] as const)
      return {
        committed: await countIn(database, committedCount(withPurchases ? purchaseEventsCount : 'select 0')),
        stored: await storedIn(events, ends),
        followed: {
          ...(followed && {
            live: await storedIn(followed.live, ends),
            chains: await done('chains'),
            effects: await done('effects'),
            webhook: await done('webhook'),
          }),
          ...Object.fromEntries(await Promise.all(bought)),
        },
        open: withPurchases ? await countIn(database, openCount) : 0,
        parked: await countIn(database, parkedCount),
      }
    },
    check: () => patiently(check, { ms: outageMs, signal, logger }),
  })
  await Promise.all([events.closed(), followed?.live.closed()])
  await database.end()
})

async function openLog({ broker, brokerUrl: url }: CheckerConfig, topic: string, epoch: number): Promise<BrokerLog> {
  return broker === 'nats' ? openNatsLog({ url, topic: `${topic}-${epoch}` }) : openPostgresLog({ url, topic, epoch })
}

/** Of each epoch the last offset that was assigned, by partition. */
type Ends = ReadonlyMap<number, ReadonlyMap<number, number>>

async function readEnds(database: pg.Pool): Promise<Ends> {
  const { rows } = await database.query<{ epoch: number; partition: number; last: number }>(
    `select epoch, partition, last::int from (${endsOfEpochs}) as ends`,
  )
  return new Map(
    [...Map.groupBy(rows, ({ epoch }) => epoch)].map(([epoch, own]) => [
      epoch,
      new Map(own.map(({ partition, last }) => [partition, last])),
    ]),
  )
}

/** How much is stored of what was assigned; null in an outage. */
async function storedIn({ all }: EpochLogs, ends: Ends | undefined): Promise<number | null> {
  let stored = 0
  try {
    for (const { epoch, log } of all) {
      for (const [partition, end] of ends?.get(epoch) ?? []) stored += Math.min(end, (await log.bounds(partition)).last)
    }
    return ends ? stored : null
  } catch {
    return null
  }
}

async function countIn(database: pg.Pool, query: string): Promise<number | null> {
  const counted = await database.query<{ count: number }>(query).catch(() => undefined)
  return counted?.rows[0]?.count ?? null
}

/** How many events a group says that it has done: all of earlier epochs, and up to its offset. */
function doneBy(group: string): string {
  return `select coalesce(sum("offset" + before), 0)::int as count from (
    select distinct on (g.partition) g."offset", (
      select coalesce(sum(last), 0) from (${endsOfEpochs}) as earlier
      where earlier.partition = g.partition and earlier.epoch < g.epoch
    ) as before
    from commitcast.group_offset as g where group_name = '${group}' order by g.partition, number desc
  ) as newest`
}
