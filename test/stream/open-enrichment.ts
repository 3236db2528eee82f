import { randomUUID } from 'node:crypto'
import { type Broker, endOf, type Message } from '@commitcast/broker'
import { decodeLiveEvent, type LiveEvent } from '@commitcast/events'
import { type EnrichmentOptions, runEnrichment } from '@commitcast/stream'
import type { Sql } from '@commitcast/worker'
import { expect } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'

export interface OpenEnrichmentOptions {
  readonly broker: Broker
  /** Default 1. */
  readonly partitions?: number
}

/** What an event on the topic has of its own. */
export type Given = Partial<Pick<Message, 'type' | 'key' | 'headers'>> & { readonly data?: unknown }

type Start = Pick<EnrichmentOptions, 'enrichment'> & Partial<EnrichmentOptions>

/** The two topics of an app on a broker, events that a test puts there itself, and stream workers. All end with the block. */
export async function openEnrichment({ broker, partitions = 1 }: OpenEnrichmentOptions) {
  const database = await freshDatabase({ partitions })
  const app = `app-${randomUUID()}`
  const shape = { epoch: 1, partitions }
  const events = await broker.topic({ name: `${app}-events`, ...shape })
  const live = await broker.topic({ name: `${app}-live`, ...shape })
  await verifyAll(database.sql)
  const workers: { health(): unknown; stop(): Promise<void> }[] = []
  const said = () => JSON.stringify(workers.map((worker) => worker.health()))
  const log = (partition = 0) => readLog(live, partition)
  const enriched = async (count: number, partition = 0): Promise<Message[]> => {
    await eventually(async () => expect(await endOf(live, partition), said()).toBe(count))
    return log(partition)
  }

  return {
    ...database,
    app,
    broker,
    events,
    live,
    log,
    /** Appends events to a partition of the events topic. */
    async give(given: readonly Given[], partition = 0): Promise<readonly Message[]> {
      const after = await endOf(events, partition)
      const messages = given.map(({ data = {}, ...own }, index) => ({
        offset: after + 1 + index,
        id: randomUUID(),
        type: 'order.placed',
        key: 'k',
        time: new Date(index).toISOString(),
        tx: '1',
        headers: {},
        body: JSON.stringify(data),
        ...own,
      }))
      await events.append(partition, after, messages)
      return messages
    },
    /** Starts a worker. */
    start(options: Start) {
      const stopping = new AbortController()
      const { sql } = database
      const worker = runEnrichment({ sql, broker, app, schema: 'commitcast', signal: stopping.signal, ...options })
      const stop = async () => {
        stopping.abort()
        await worker.done
      }
      const started = { health: worker.health, stop }
      workers.push(started)
      return started
    },
    /** Waits until the live topic has so many messages in a partition; returns them. */
    enriched,
    /** The same as events. */
    async told(count: number, partition = 0): Promise<LiveEvent[]> {
      const messages = await enriched(count, partition)
      return messages.map((message) => decodeLiveEvent(message, { epoch: 1, partition }))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop()))
      await database[Symbol.asyncDispose]()
    },
  }
}

/** Somebody follows each event. */
export const toAll = () => ['all']

/** One kind of metadata, whose id is a field of the data. */
export function enricherOf(
  load: (ids: readonly unknown[]) => Promise<ReadonlyMap<unknown, unknown>>,
  field = 'customer',
) {
  return { id: (event: { readonly data: unknown }) => (event.data as Record<string, unknown>)[field], load }
}

/** A look-up that finds each id. */
export async function named(ids: readonly unknown[]): Promise<ReadonlyMap<unknown, unknown>> {
  return new Map(ids.map((id) => [id, `name of ${String(id)}`]))
}

/** As if a relay had compared whatever a test puts on the events topic itself. */
async function verifyAll(sql: Sql): Promise<void> {
  await sql.query(
    `insert into commitcast.verified (epoch, partition, up_to, token, server)
     select 1, number, 1000000000, 'test', commitcast.server_identity()
     from commitcast.topic, generate_series(0, partitions - 1) as number`,
  )
}
