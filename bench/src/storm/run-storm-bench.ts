import type { Topic } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { freePort, startNats, startPostgres } from '@commitcast/servers'
import { type Child, startChild } from '../child/start-child.ts'
import { dataOf, liveMessageOf, placeOf } from '../fanout/sample-live.ts'
import { rounded } from '../figures.ts'
import type { BenchOptions } from '../main.ts'
import { openOutbox } from '../open-outbox.ts'
import { poll } from '../poll.ts'
import { partitions } from '../sample-event.ts'
import type { FollowRequest, Standing } from './clients-process.ts'
import type { ServerConfig } from './server-process.ts'
import { type Reads, topicName } from './storm-reads.ts'

const patienceMs = 120_000

/**
 * An API process with 2,000 clients ends. Events are made; then another process starts whose ring begins behind where the
 * clients were, and they return within a second. Counted is all that the new process asks of broker and database from its
 * start until every client is live and has every event, its own start included.
 */
export async function runStormBench({ quick, onLine }: BenchOptions) {
  const clients = quick ? 100 : 2_000
  const [before, missed] = [10 * partitions, 40 * partitions]
  await using postgres = await startPostgres()
  await using nats = await startNats()
  await using outbox = await openOutbox(postgres)
  const broker = natsBroker({ servers: nats.url })
  await using _closing = { [Symbol.asyncDispose]: () => broker.close() }
  const append = createAppend(await broker.topic({ name: topicName, epoch: 1, partitions }))
  const port = await freePort()
  const config: ServerConfig = { databaseUrl: outbox.url, natsUrl: nats.url, port, prime: 10 }
  await using browser = startChild('storm/clients-process.ts', null)
  {
    await using server = startChild('storm/server-process.ts', config)
    await server.ask('started')
    await browser.ask('follow', { port, clients } satisfies FollowRequest)
    await append(before)
    await untilComplete(browser, before, clients)
    onLine(`${clients} clients are live; the API process ends`)
  }
  await append(missed)
  await using server = startChild('storm/server-process.ts', config)
  await server.ask('started')
  const startedAt = performance.now()
  const standing = await untilComplete(browser, before + missed, clients)
  const secondsToAllLive = rounded((performance.now() - startedAt) / 1_000)
  const reads = await server.ask<Reads>('reads')
  const { lost, duplicated, resyncs } = standing
  return {
    bench: 'storm' as const,
    rows: [{ name: 'reads', ...reads }],
    clients,
    missedEvents: missed,
    reads: reads.broker + reads.database,
    secondsToAllLive,
    lost,
    duplicated,
    resyncs,
  }
}

function createAppend(topic: Topic): (events: number) => Promise<void> {
  let made = 0
  return async (events) => {
    for (const last = made + events; made < last; ) {
      const { partition, offset } = placeOf(++made)
      await topic.append(partition, offset - 1, [liveMessageOf(made, dataOf(made, 300))])
    }
  }
}

/** Resolves when every client is live and has had so many events; after a while with what there is. */
async function untilComplete(browser: Child, events: number, clients: number): Promise<Standing> {
  return poll(() => browser.ask<Standing>('standing', events), {
    isDone: ({ live, complete }) => live === clients && complete === clients,
    everyMs: 50,
    patienceMs,
  })
}
