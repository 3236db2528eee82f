import { type Server, startNats, startPostgres } from '@commitcast/servers'
import { startChild } from '../child/start-child.ts'
import { rounded } from '../figures.ts'
import { atRate } from '../latency/at-rate.ts'
import type { BenchOptions } from '../main.ts'
import { append, type Outbox, openOutbox } from '../open-outbox.ts'
import type { RelayConfig } from '../relay-process.ts'
import { keyOfN, keys, payload, type } from '../sample-event.ts'
import { seed } from '../seed.ts'
import type { PipelineConfig } from './pipeline-process.ts'
import { countingSettings, openStatementCounter, type StatementCounter, type Usage } from './statements.ts'

const data = JSON.parse(payload) as { customerId: string; note: string }

interface Bench {
  readonly postgres: Server
  readonly nats: Server
  readonly counter: StatementCounter
  readonly quick: boolean
  readonly onLine: (line: string) => void
}

/**
 * What a pipeline costs its database while nothing happens: queries per second by pg_stat_statements, and WAL, for both
 * brokers. And the WAL that the relay adds per event: when it drains a backlog, and at 500 events a second.
 */
export async function runIdleBench({ quick, onLine }: BenchOptions) {
  await using postgres = await startPostgres({ settings: countingSettings })
  await using nats = await startNats()
  await using counter = await openStatementCounter(postgres)
  onLine(`${postgres.origin}; ${nats.origin}`)
  const bench: Bench = { postgres, nats, counter, quick, onLine }
  const idle = {
    nats: await idleUsage(bench, nats.url),
    postgres: await idleUsage(bench, null),
  }
  const alone = await counter.watch(postgres.url, quick ? 2 : 20)
  const atDrain = await walAtDrain(bench)
  const atPace = await walAtPace(bench)
  return {
    bench: 'idle' as const,
    rows: [
      rowOf('pipeline on NATS', idle.nats),
      rowOf('pipeline on Postgres', idle.postgres),
      rowOf('no pipeline', { ...alone, queriesPerSecond: 0 }),
    ],
    queriesPerSecond: rounded(Math.max(idle.nats.queriesPerSecond, idle.postgres.queriesPerSecond)),
    relayWalBytesPerEvent: rounded(atDrain),
    relayWalBytesPerEventAt500PerSecond: rounded(atPace),
  }
}

function rowOf(name: string, { queriesPerSecond, walBytesPerSecond }: Usage) {
  return { name, queriesPerSecond: rounded(queriesPerSecond), walBytesPerSecond: Math.round(walBytesPerSecond) }
}

const settleMs = 3_000
const patienceMs = 60_000

/** One pipeline that has carried a few events to the hub, and then has nothing to do. */
async function idleUsage({ postgres, counter, quick, onLine }: Bench, natsUrl: string | null): Promise<Usage> {
  await using outbox = await openOutbox(postgres)
  const config: PipelineConfig = { databaseUrl: outbox.url, natsUrl, app: 'idle' }
  await using pipeline = startChild('idle/pipeline-process.ts', config)
  await seedEvents(outbox, 100)
  await outbox.untilAsleep(100)
  for (const until = Date.now() + patienceMs; (await pipeline.ask<number>('arrived')) < 100; ) {
    if (Date.now() > until) throw new Error(`100 events did not come to the hub within ${patienceMs} ms.`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await new Promise((resolve) => setTimeout(resolve, settleMs))
  const usage = await counter.watch(outbox.url, quick ? 4 : 30)
  onLine(`idle on ${natsUrl === null ? 'Postgres' : 'NATS'}: ${rounded(usage.queriesPerSecond)} queries/s`)
  for (const { perSecond, text } of usage.statements.slice(0, 8)) onLine(`  ${rounded(perSecond)}/s ${text}`)
  return usage
}

/**
 * A backlog that grows while the relay is frozen, and is drained while nobody writes. The relay has worked before, and no
 * checkpoint comes between: what is logged is its pages, leases and sleep, not whole pages of the database.
 */
async function walAtDrain({ postgres, nats, counter, quick, onLine }: Bench): Promise<number> {
  const events = quick ? 20_000 : 200_000
  await using outbox = await openOutbox(postgres)
  const config: RelayConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app: 'drain' }
  await using relay = startChild('relay-process.ts', config)
  await seedEvents(outbox, events / 10)
  await outbox.untilAsleep(events / 10)
  relay.pause()
  onLine(`a backlog of ${events} events`)
  await seedEvents(outbox, events)
  const before = await counter.walPosition()
  relay.resume()
  await outbox.untilAsleep(events + events / 10)
  return ((await counter.walPosition()) - before) / events
}

function seedEvents({ url: databaseUrl }: Outbox, events: number): Promise<void> {
  const statement = `perform commitcast.append('${type}', ${keyOfN}, '${payload}')`
  return seed({ databaseUrl, transactions: events, checkpoint: false }, statement)
}

/** The WAL of 500 events a second with a relay beside, less that of the same writing without one. */
async function walAtPace({ postgres, nats, counter, quick, onLine }: Bench): Promise<number> {
  const pace = { perSecond: 500, seconds: quick ? 2 : 10 }
  const events = pace.perSecond * pace.seconds
  await using outbox = await openOutbox(postgres)
  onLine(`500 events a second for ${pace.seconds} s, without a relay and with one`)
  let appended = 0
  const write = async () => {
    const before = await counter.walPosition()
    await atRate(pace, async () => {
      const key = `key-${++appended % keys}`
      const client = await outbox.pool.connect()
      try {
        await client.query('begin')
        await append(client, { type, key, data })
        await client.query('commit')
      } finally {
        client.release()
      }
    })
    return (await counter.walPosition()) - before
  }
  // The first ones also pay for whole pages after the last checkpoint.
  await write()
  const without = await write()
  const config: RelayConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app: 'pace' }
  await using _relay = startChild('relay-process.ts', config)
  await outbox.untilAsleep(appended)
  await write()
  return ((await write()) - without) / events
}
