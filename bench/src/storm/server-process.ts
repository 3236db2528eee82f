import type { Topic } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import type { LiveEvent } from '@commitcast/events'
import { createStateReader, createSubscriptions, startHub } from '@commitcast/live'
import { readTopic, sqlOf } from '@commitcast/outbox'
import { silentLogger } from '@commitcast/worker'
import { initTRPC } from '@trpc/server'
import { runProcess } from 'commitcast/process'
import { Kysely, PostgresDialect } from 'kysely'
import superjson from 'superjson'
import { answerParent } from '../child/answer-parent.ts'
import { startRouterServer } from '../fanout/router-server.ts'
import { channel } from '../fanout/sample-live.ts'
import { openPool } from '../open-pool.ts'
import { type Reads, topicName } from './storm-reads.ts'

/** What a server process is given. */
export interface ServerConfig {
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly port: number
  /** How much of each partition the ring is primed with. */
  readonly prime: number
}

/** An API process: a state first, then events, over JetStream and Postgres. It counts what it reads. */
await runProcess('storm server', async ({ signal }) => {
  const { databaseUrl, natsUrl, port, prime } = JSON.parse(process.argv[2] ?? '{}') as ServerConfig
  const reads = { broker: 0, database: 0 }
  const db = new Kysely<Record<string, never>>({
    dialect: new PostgresDialect({ pool: openPool(databaseUrl) }),
    log: () => void reads.database++,
  })
  const broker = natsBroker({ servers: natsUrl })
  const schema = 'commitcast'
  const opened = await broker.topic({ name: topicName, ...(await readTopic(sqlOf(db), schema)) })
  const epochNow = async () => (await readTopic(sqlOf(db), schema)).epoch
  const hub = await startHub({
    topic: countReads(opened, reads),
    epochNow,
    signal: new AbortController().signal,
    prime,
  })
  const t = initTRPC.create({ transformer: superjson })
  const live = createSubscriptions<LiveEvent, Record<string, never>>({
    sharedHub: async () => hub,
    states: createStateReader(db, schema),
    logger: silentLogger,
  })
  const state = async () => ({ orders: 0 })
  const router = t.router({
    follow: t.procedure.subscription(live.subscription({ channels: () => [channel], authorize: 'everyone', state })),
  })
  await startRouterServer(router, { isLive: true, port })
  await answerParent(signal, {
    started: async () => true,
    reads: async (): Promise<Reads> => ({ ...reads }),
  })
  process.exit(0)
})

/** Every question to the broker: where a partition begins and ends, and each reading of it. */
function countReads(topic: Topic, reads: { broker: number }): Topic {
  const counted =
    <TArgs extends readonly unknown[], TAnswer>(ask: (...args: TArgs) => TAnswer) =>
    (...args: TArgs) => {
      reads.broker++
      return ask(...args)
    }
  return { ...topic, first: counted(topic.first), last: counted(topic.last), read: counted(topic.read) }
}
