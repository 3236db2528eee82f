import type { Server } from '@commitcast/servers'
import { connect } from 'nats'
import { startChild } from '../child/start-child.ts'
import { latencyOf, percentile, rounded } from '../figures.ts'
import { inTransaction } from '../in-transaction.ts'
import { atRate, type Pace } from '../latency/at-rate.ts'
import { createStoredTimes } from '../latency/stored-times.ts'
import { openOutbox } from '../open-outbox.ts'
import { poll } from '../poll.ts'
import type { StoredStreams } from '../relay/stored-streams.ts'
import type { RelayConfig } from '../relay-process.ts'
import { liveStreams } from './contender.ts'
import { appendOrder, createShop, nthOrder } from './sample-orders.ts'
import type { StreamConfig } from './stream-process.ts'

export interface AddedLatencyOptions {
  readonly postgres: Server
  readonly nats: Server
  readonly streams: StoredStreams
  readonly rounds: number
  readonly pace: Pace
  readonly onLine: (line: string) => void
}

const app = 'paced'
const patienceMs = 60_000

/**
 * How long after an event its live message is stored, by the broker's own times of the two, while orders are appended at a
 * pace. Relay and stream worker are processes of their own. Medians of the rounds' percentiles.
 */
export async function measureAddedLatency(options: AddedLatencyOptions) {
  const { postgres, nats, streams, rounds, pace, onLine } = options
  await using outbox = await openOutbox(postgres)
  await createShop(outbox.pool)
  await outbox.pool.query('vacuum analyze')
  const config: RelayConfig & StreamConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app }
  await using _relay = startChild('relay-process.ts', config)
  await using _stream = startChild('enrich/stream-process.ts', config)
  const nc = await connect({ servers: nats.url })
  await using _closing = { [Symbol.asyncDispose]: () => nc.close() }
  const jsm = await nc.jetstreamManager()
  const [eventTimes, liveTimes] = [createStoredTimes(jsm, `${app}-events`), createStoredTimes(jsm, `${app}-live`)]
  let appended = 0
  const slice = async (pace: Pace): Promise<readonly number[]> => {
    const ids: string[] = []
    await atRate(pace, async () => {
      const order = nthOrder(++appended)
      ids.push(...(await inTransaction(outbox.pool, (client) => appendOrder(client, order))))
    })
    await outbox.untilAsleep(appended)
    await untilLive(streams, appended)
    const [events, live] = [await eventTimes(), await liveTimes()]
    return ids.map((id) => live.get(id)! - events.get(id)!)
  }
  await slice({ perSecond: pace.perSecond, seconds: 1 })
  const slices: (readonly number[])[] = []
  for (let round = 0; round < rounds; round++) {
    const latencies = await slice(pace)
    slices.push(latencies)
    onLine(`round ${round + 1}, added at ${pace.perSecond}/s: p50 ${rounded(percentile(latencies, 50))} ms`)
  }
  const { p50Ms: p50, p99Ms: p99 } = latencyOf(slices)
  return { p50, p99 }
}

async function untilLive(streams: StoredStreams, events: number): Promise<void> {
  await poll(() => streams.count(liveStreams({ app })), {
    isDone: (live) => live >= events,
    everyMs: 50,
    patienceMs,
    late: (live) => `${live} of ${events} events are live.`,
  })
}
