import { randomUUID } from 'node:crypto'
import { startNats, startPostgres } from '@commitcast/servers'
import { connect, type JetStreamManager, type NatsConnection, StorageType } from 'nats'
import { createPlainTable, insertPlain } from '../append/plain-table.ts'
import { startChild } from '../child/start-child.ts'
import { latencyOf, pairedRatio, percentile, rounded } from '../figures.ts'
import { inTransaction } from '../in-transaction.ts'
import type { BenchOptions } from '../main.ts'
import { append, type Outbox, openOutbox } from '../open-outbox.ts'
import type { RelayConfig } from '../relay-process.ts'
import { keys, payload, type } from '../sample-event.ts'
import { atRate, type Pace } from './at-rate.ts'
import { createStoredTimes } from './stored-times.ts'
import { createWallClock } from './wall-clock.ts'

const app = 'bench'
const data = JSON.parse(payload) as { customerId: string; note: string }
const longestOpenMs = 100

/**
 * How long an event takes from the reply to COMMIT until the broker has stored it, by the broker's own time of the
 * message; beside an insert and an awaited publish by the application itself, measured from the insert on. 500 events a
 * second, in slices that take turns; then five a second, in transactions that stay open for up to 100 ms.
 */
export async function runLatencyBench({ quick, rounds = quick ? 1 : 5, onLine }: BenchOptions) {
  const pace: Pace = { perSecond: 500, seconds: quick ? 1 : 5 }
  const trickle: Pace = { perSecond: 5, seconds: quick ? 4 : 60 }
  await using postgres = await startPostgres()
  await using nats = await startNats()
  await using outbox = await openOutbox(postgres)
  const config: RelayConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app }
  await using _relay = startChild('relay-process.ts', config)
  onLine(`${postgres.origin}; ${nats.origin}; ${rounds} rounds of ${pace.seconds} s each`)
  await outbox.pool.query(createPlainTable)
  const nc = await connect({ servers: nats.url })
  await using _closing = { [Symbol.asyncDispose]: () => nc.close() }
  const publish = await openPlainPublish(nc)
  const appends = createAppends(outbox, await nc.jetstreamManager())
  await appends.latencies({ perSecond: 500, seconds: 1 }, 0)
  await insertsAndPublishes(outbox, publish, { perSecond: 500, seconds: 1 })
  const ours: number[][] = []
  const theirs: number[][] = []
  const slices = [
    async () => void ours.push(await appends.latencies(pace, 0)),
    async () => void theirs.push(await insertsAndPublishes(outbox, publish, pace)),
  ]
  for (let round = 0; round < rounds; round++) {
    for (const slice of round % 2 === 0 ? slices : slices.toReversed()) await slice()
    onLine(`round ${round + 1}: p50 ${p50(ours.at(-1)!)} ms; insert and awaited publish ${p50(theirs.at(-1)!)} ms`)
  }
  onLine(`5 events a second for ${trickle.seconds} s, transactions open for up to ${longestOpenMs} ms`)
  const trickled = await appends.latencies(trickle, longestOpenMs)
  return {
    bench: 'latency' as const,
    rows: [
      { name: 'COMMIT to stored, 500/s', ...latencyOf(ours) },
      { name: 'insert + awaited publish, 500/s', ...latencyOf(theirs) },
      { name: 'COMMIT to stored, 5/s', ...latencyOf([trickled]) },
    ],
    ratios: { vsInsertPlusPublish: rounded(pairedRatio(ours.map(p50), theirs.map(p50))) },
    trickleP99Ms: rounded(percentile(trickled, 99)),
  }
}

const p50 = (latencies: readonly number[]) => rounded(percentile(latencies, 50))

/** Appends events at a pace, and tells how long after the reply to COMMIT each was stored. */
function createAppends(outbox: Outbox, jsm: JetStreamManager) {
  const storedTimes = createStoredTimes(jsm, `${app}-events`)
  let appended = 0
  return {
    async latencies(pace: Pace, openMs: number): Promise<number[]> {
      await outbox.untilAsleep(appended)
      const committedAt = new Map<string, number>()
      const now = createWallClock()
      await atRate(pace, async () => {
        const key = `key-${++appended % keys}`
        const [id] = await inTransaction(outbox.pool, async (client) => {
          const ids = await append(client, { type, key, data })
          if (openMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * openMs))
          return ids
        })
        committedAt.set(id!, now())
      })
      await outbox.untilAsleep(appended)
      const times = await storedTimes()
      return [...committedAt].map(([id, at]) => {
        const stored = times.get(id)
        if (stored === undefined) throw new Error(`The event ${id} was committed and is not on the broker.`)
        return stored - at
      })
    },
  }
}

/** What an application without an outbox does: insert, then publish and wait; nothing holds the two together. */
async function insertsAndPublishes(outbox: Outbox, publish: (id: string) => Promise<unknown>, pace: Pace) {
  const latencies: number[] = []
  let written = 0
  await atRate(pace, async () => {
    const key = `key-${++written % keys}`
    const startedAt = performance.now()
    await insertPlain(outbox.pool, written, key)
    await publish(randomUUID())
    latencies.push(performance.now() - startedAt)
  })
  return latencies
}

async function openPlainPublish(nc: NatsConnection): Promise<(id: string) => Promise<unknown>> {
  const jsm = await nc.jetstreamManager()
  await jsm.streams.add({ name: 'plain', subjects: ['plain.>'], storage: StorageType.File })
  const js = nc.jetstream()
  return (id) => js.publish(`plain.${type}`, payload, { msgID: id })
}
