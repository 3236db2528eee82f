import { startNats, startPostgres } from '@commitcast/servers'
import { connect } from 'nats'
import { type Child, startChild } from '../child/start-child.ts'
import { appendOrder, createShop, nthOrder } from '../enrich/sample-orders.ts'
import { inTransaction } from '../in-transaction.ts'
import { atRate, type Pace } from '../latency/at-rate.ts'
import { createStoredTimes } from '../latency/stored-times.ts'
import { createWallClock } from '../latency/wall-clock.ts'
import { type Outbox, openOutbox } from '../open-outbox.ts'
import { followers } from './click-rows.ts'
import type { FollowRequest } from './clients-process.ts'
import type { Moments } from './hops.ts'
import type { Arrival } from './open-follower.ts'
import type { ServerConfig } from './server-process.ts'
import { app } from './shop.ts'
import type { WorkerConfig } from './worker-process.ts'

/** A shop in its real processes, and its clients. The writer is this process. */
export interface Pipeline extends AsyncDisposable {
  /** Which servers it works on. */
  readonly origin: string
  /** Connects a client for each channel, in place of those that there were. Resolves when all are live. */
  follow(channels: readonly string[]): Promise<void>
  /**
   * Commits orders at a pace, a transaction each, of as many customers as there are followers, by turns. Resolves with the
   * moments of each at each of the `audience` clients that hear of it. Rejects where a client has not had one, or had one
   * twice.
   */
  commit(pace: Pace, audience: number): Promise<readonly Moments[]>
}

const patienceMs = 30_000

export async function openPipeline(): Promise<Pipeline> {
  await using starting = new AsyncDisposableStack()
  const postgres = starting.use(await startPostgres())
  const nats = starting.use(await startNats())
  const outbox = starting.use(await openOutbox(postgres))
  await createShop(outbox.pool)
  await outbox.pool.query('vacuum analyze')
  const config: ServerConfig = { databaseUrl: outbox.url, natsUrl: nats.url }
  const startWorker = (config: WorkerConfig) => starting.use(startChild('click/worker-process.ts', config))
  startWorker({ ...config, role: 'relay' })
  startWorker({ ...config, role: 'stream' })
  const server = starting.use(startChild('click/server-process.ts', config))
  const clients = starting.use(startChild('click/clients-process.ts', null))
  const nc = await connect({ servers: nats.url })
  starting.defer(() => nc.close())
  const jsm = await nc.jetstreamManager()
  const [eventTimes, liveTimes] = [createStoredTimes(jsm, `${app}-events`), createStoredTimes(jsm, `${app}-live`)]
  const port = await server.ask<number>('port')
  const commit = createCommits(outbox)
  const open = starting.move()
  return {
    origin: `${postgres.origin}; ${nats.origin}`,
    follow: (channels) => clients.ask('follow', { port, channels } satisfies FollowRequest),
    async commit(pace, audience) {
      const committed = await commit(pace)
      const arrivals = await arrivalsOf(clients, committed, audience)
      const [stored, told] = [await eventTimes(), await liveTimes()]
      return arrivals.map(({ id, arrivedAt, reducedAt }) => ({
        committed: committed.get(id)!,
        stored: stored.get(id)!,
        told: told.get(id)!,
        arrived: arrivedAt,
        reduced: reducedAt,
      }))
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Commits orders at a pace; tells when the reply to each COMMIT came, by the events' ids. */
function createCommits({ pool }: Outbox) {
  let orders = 0
  return async (pace: Pace): Promise<ReadonlyMap<string, number>> => {
    const committed = new Map<string, number>()
    const now = createWallClock()
    await atRate(pace, async () => {
      const order = nthOrder(++orders, followers)
      const [id] = await inTransaction(pool, (client) => appendOrder(client, order))
      committed.set(id!, now())
    })
    return committed
  }
}

/** Waits until the clients have had everything; what each of them noted of each event. */
async function arrivalsOf(clients: Child, committed: ReadonlyMap<string, number>, audience: number) {
  const expected = committed.size * audience
  for (const until = Date.now() + patienceMs; (await clients.ask<number>('reduced')) < expected; ) {
    if (Date.now() > until) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const arrivals = await clients.ask<readonly Arrival[]>('arrivals')
  const isOnce =
    arrivals.length === expected && new Set(arrivals.map(({ id, client }) => `${client} ${id}`)).size === expected
  if (!isOnce || arrivals.some(({ id }) => !committed.has(id))) {
    throw new Error(`Clients should have had ${expected} events, each once; they had ${arrivals.length}.`)
  }
  return arrivals
}
