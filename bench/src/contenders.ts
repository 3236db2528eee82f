import { natsBroker } from '@commitcast/broker/nats'
import { runRelay, sqlOf } from '@commitcast/outbox'
import { Kysely, PostgresDialect } from 'kysely'
import { connect, headers, type NatsConnection, StorageType } from 'nats'
import type pg from 'pg'
import { keys, partitions, payload } from './seed-backlog.ts'

/** Carries a backlog of `events` to JetStream file streams; resolves when the last one is stored. */
export type Drain = (to: {
  readonly natsUrl: string
  readonly pool: pg.Pool
  readonly url: string
  readonly events: number
}) => Promise<void>

let runs = 0

/** Commitcast's relay as it comes. */
export const commitcast: Drain = async ({ natsUrl, pool, url, events }) => {
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  const broker = natsBroker({ servers: natsUrl })
  const app = `bench${++runs}`
  const stopping = new AbortController()
  const relay = runRelay({ sql: sqlOf(db), broker, app, schema: 'commitcast', listenTo: url, signal: stopping.signal })
  const nc = await connect({ servers: natsUrl })
  await untilStored(nc, (partition) => `${app}-events-1_${partition}`, events)
  stopping.abort()
  await relay.done
  await Promise.all([broker.close(), nc.close()])
}

/** The most that one process can publish: messages from memory, an expected sequence each, an ack per chunk. */
export function rawChain(window: number): Drain {
  return async ({ natsUrl, events }) => {
    const { nc, stream } = await openStreams(natsUrl)
    const each = Math.ceil(events / partitions)
    await Promise.all(
      Array.from({ length: partitions }, (_, partition) => chain(nc, stream(partition), { each, window })),
    )
    await nc.close()
  }
}

async function chain(nc: NatsConnection, stream: string, { each, window }: { each: number; window: number }) {
  const acks: Promise<unknown>[] = []
  for (let after = 0; after < each; after += window) {
    const count = Math.min(window, each - after)
    for (let index = 0; index < count; index++) {
      const hdrs = headers()
      hdrs.set('Nats-Expected-Last-Sequence', String(after + index))
      hdrs.set('id', '0190b7a5-0000-7000-8000-000000000001')
      hdrs.set('key', `key-${index % keys}`)
      hdrs.set('time', '2026-01-01T00:00:00.000Z')
      hdrs.set('tx', '123456')
      if (index < count - 1) nc.publish(`${stream}.order.placed`, payload, { headers: hdrs })
      else acks.push(nc.request(`${stream}.order.placed`, Buffer.from(payload), { headers: hdrs, timeout: 30_000 }))
    }
    if (acks.length >= 4) await acks.shift()
  }
  for (const ack of await Promise.all(acks)) {
    const { error } = (ack as { json(): { error?: unknown } }).json()
    if (error) throw new Error(JSON.stringify(error))
  }
}

/** The outbox of many tutorials: lock a hundred, publish each and wait, delete. */
export const naive: Drain = (to) =>
  lockAndPublish(to, async (rows, publish) => {
    for (const row of rows) await publish(row)
  })

/** The same, waiting for a hundred at once. */
export const naiveAll: Drain = (to) =>
  lockAndPublish(to, async (rows, publish) => {
    await Promise.all(rows.map(publish))
  })

interface Row {
  readonly id: string
  readonly event_id: string
  readonly type: string
  readonly key: string
  readonly data: unknown
}

async function lockAndPublish(
  { natsUrl, pool, events }: Parameters<Drain>[0],
  publishAll: (rows: readonly Row[], publish: (row: Row) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { nc, stream } = await openStreams(natsUrl)
  const js = nc.jetstream()
  const publish = (row: Row) =>
    js.publish(`${stream(Number(row.id) % partitions)}.${row.type}`, JSON.stringify(row.data), { msgID: row.event_id })
  const client = await pool.connect()
  for (let left = events; left > 0; ) {
    await client.query('begin')
    const { rows } = await client.query<Row>('select * from plain_outbox order by id limit 100 for update skip locked')
    await publishAll(rows, publish)
    await client.query('delete from plain_outbox where id = any($1)', [rows.map((row) => row.id)])
    await client.query('commit')
    left -= rows.length
  }
  client.release()
  await nc.close()
}

async function openStreams(natsUrl: string) {
  const nc = await connect({ servers: natsUrl })
  const jsm = await nc.jetstreamManager()
  const run = ++runs
  const stream = (partition: number) => `raw${run}_${partition}`
  for (let partition = 0; partition < partitions; partition++) {
    const name = stream(partition)
    await jsm.streams.add({ name, subjects: [`${name}.>`], storage: StorageType.File })
  }
  return { nc, stream }
}

async function untilStored(nc: NatsConnection, stream: (partition: number) => string, events: number) {
  const jsm = await nc.jetstreamManager()
  for (;;) {
    const counts = await Promise.all(
      Array.from({ length: partitions }, (_, p) =>
        jsm.streams.info(stream(p)).then(
          (info) => info.state.messages,
          () => 0,
        ),
      ),
    )
    if (counts.reduce((sum, count) => sum + count, 0) >= events) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
