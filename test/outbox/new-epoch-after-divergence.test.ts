import type { Broker, Message, Topic } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { assignOffsets, newEpoch, readEpochEnd, refillPartition, sqlOf } from '@commitcast/outbox'
import { readGroups } from '@commitcast/stream'
import { createLeases } from '@commitcast/worker'
import { type Commitcast, createCommitcast, defineEvents } from 'commitcast'
import { connect } from 'nats'
import { describe, expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'

const schema = 'commitcast'
const partitions = 2
const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })
const kinds = ['memory', 'postgres', ...(inject('natsUrl') ? ['nats'] : [])]

describe.each(kinds)('a new epoch after a divergence on %s', (kind) => {
  test('a stray message: every committed event is in one epoch on the broker, and a group does each once', async () => {
    await using shop = await openShop(kind)
    const first = shop.run()
    await shop.append(20)
    await shop.isCarried()
    await first.stop()
    const ends = await shop.ends()
    await shop.putStray(0, ends[0]! + 1)
    // Assigned, by a relay that had not seen the stray yet.
    await shop.append(10)
    await shop.assign()
    const second = shop.run()
    await eventually(
      () => expect(JSON.stringify(shop.cast.health().relay)).toMatch(/new-epoch --from 1|not written by Commitcast/),
      30_000,
    )
    await shop.append(10)
    await shop.isRecorded(0, ends[0]!)

    expect(await newEpoch(shop.sql, { from: 1 })).toMatchObject({ epoch: 2, isNew: true })
    await shop.append(5)
    await shop.isComplete(2)
    expect(await readEpochEnd(shop.sql, { schema, epoch: 1, partition: 0 })).toBe(ends[0])
    await eventually(async () => {
      for (const { lag } of await readGroups(shop.sql, schema)) expect(lag).toBe(0)
    })
    const old = await shop.topic(1)
    expect(await refillPartition(shop.sql, { topic: old, partition: 0 })).toMatchObject({
      given: ends[0],
      appended: 0,
      behind: 1,
    })
    await second.stop()
  }, 120_000)

  test('two databases that both assign: what one of them never got to the broker is assigned again', async () => {
    await using shop = await openShop(kind)
    const first = shop.run()
    await shop.append(10)
    await shop.isCarried()
    await first.stop()
    const ends = await shop.ends()
    // The other side of the split published other events at the next offsets.
    await shop.publishForeign(1, ends[1]!, 7)
    await shop.append(20)
    await shop.assign()
    const second = shop.run()
    await shop.isRecorded(1, ends[1]!)
    await newEpoch(shop.sql, { from: 1 })
    await shop.append(5)
    await shop.isComplete(2)
    await second.stop()
  }, 120_000)

  test('a partition that has not diverged is brought to the end of its epoch by the next relay', async () => {
    await using shop = await openShop(kind)
    const first = shop.run()
    await shop.append(10)
    await shop.isCarried()
    await first.stop()
    await shop.append(10)
    await shop.assign()
    await newEpoch(shop.sql, { from: 1 })
    await shop.append(10)
    const second = shop.run()
    await shop.isComplete(2)
    await second.stop()
  }, 120_000)
})

test('what is assigned again keeps its order, its offset less the end of the old epoch, and its notes, wherever the epoch is cut', async () => {
  for (const cut of [0, 1, 3, 4, 5, 9, 11, 12]) {
    await using shop = await openShop('memory', 1)
    await shop.append(12)
    const leases = await createLeases({ sql: shop.sql, schema, group: 'relay' }).renew()
    const before: Message[] = []
    for (let n = 0; n < 3; n++) {
      for (const page of await assignOffsets(shop.sql, { schema, leases, maxPage: 4 })) before.push(...page.messages)
    }
    expect(before).toHaveLength(12)
    await shop.sql.query('insert into commitcast.refused values (1, 0, 12)')
    await shop.sql.query(
      `insert into commitcast.verified (epoch, partition, up_to, token, server) values (1, 0, ${cut}, null, 'test')`,
    )
    await newEpoch(shop.sql, { from: 1 })
    await shop.append(3)
    const running = shop.run()
    const log = await eventually(async () => {
      const read = await readLog(await shop.topic(2), 0)
      expect(read, `cut at ${cut}`).toHaveLength(12 - cut + 3)
      return read
    })
    expect(log.slice(0, 12 - cut).map(({ id }) => id)).toEqual(before.slice(cut).map(({ id }) => id))
    const placeholders = log.filter(({ type }) => type === 'commitcast.refused').map(({ offset }) => offset)
    expect(placeholders).toEqual(cut < 12 ? [12 - cut] : [])
    await running.stop()
  }
}, 120_000)

/** An app with a projection that writes down what it does, on a broker that others can write to as well. */
async function openShop(kind: string, count = partitions) {
  const database = await freshDatabase({ partitions: count })
  const { sql, db, url } = database
  await sql.query('create table done (number bigint generated always as identity, id uuid, n int)')
  const app = `epoch${crypto.randomUUID().slice(0, 8)}`
  const broker = openBroker(kind, url)
  const cast: Commitcast<typeof events, Record<string, never>> = createCommitcast({
    app,
    events,
    db,
    broker,
    listenTo: url,
  })
  const projection = cast.projection('writes-down', async (batch, trx) => {
    for (const { id, data } of batch) await sqlOf(trx).query('insert into done (id, n) values ($1, $2)', [id, data.n])
  })
  const running = new Set<{ stop(): Promise<void> }>()
  const topic = (epoch: number): Promise<Topic> => broker.topic({ name: `${app}-events`, epoch, partitions: count })
  let appended = 0
  const committed = async () =>
    (await sql.query<{ id: string }>('select id from commitcast.outbox order by id')).map(({ id }) => id)
  const logs = async (epoch: number) => {
    const of = await topic(epoch)
    const all = []
    for (let partition = 0; partition < count; partition++) {
      const end = await readEpochEnd(sql, { schema, epoch, partition })
      const log = await readUpTo(of, partition, end)
      all.push(log)
    }
    return all
  }
  return {
    sql,
    cast,
    topic,
    run() {
      const stopping = new AbortController()
      const done = cast.run({ roles: ['relay', 'consume'], use: [projection], signal: stopping.signal })
      const one = {
        async stop() {
          stopping.abort()
          await done
          running.delete(one)
        },
      }
      running.add(one)
      return one
    },
    async append(times: number) {
      for (let n = 0; n < times; n++) {
        const event = { type: 'thing.done' as const, key: `k${appended % 7}`, data: { n: appended++ } }
        await db.transaction().execute((trx) => cast.append(trx, event))
      }
    },
    /** Assigns offsets and publishes nothing, as a relay that dies then. */
    async assign() {
      await sql.query(`delete from commitcast.member; update commitcast.lease set owner = '', expires_at = '-infinity'`)
      const leases = await createLeases({ sql, schema, group: 'relay' }).renew()
      await assignOffsets(sql, { schema, leases, maxPage: 1_000 })
      await sql.query(`delete from commitcast.member; update commitcast.lease set owner = '', expires_at = '-infinity'`)
    },
    ends: () =>
      Promise.all(Array.from({ length: count }, (_, partition) => readEpochEnd(sql, { schema, epoch: 1, partition }))),
    async isCarried() {
      await eventually(async () => {
        const stored = (await logs(1)).flat()
        expect(stored.map(({ id }) => id).sort()).toEqual(await committed())
        expect(await doneIds()).toEqual(await committed())
      }, 30_000)
    },
    isRecorded: (partition: number, upTo: number) =>
      eventually(
        async () =>
          expect(
            await sql.query(
              `select up_to::int as "upTo", token from commitcast.verified where partition = $1 and epoch = 1 order by number desc limit 1`,
              [partition],
            ),
          ).toEqual([{ upTo, token: null }]),
        60_000,
      ),
    /** All epochs together hold each committed event once, and so does what the projection did. */
    async isComplete(epochs: number) {
      const ids = await committed()
      await eventually(async () => {
        const stored = []
        for (let epoch = 1; epoch <= epochs; epoch++) stored.push(...(await logs(epoch)).flat())
        expect(stored.map(({ id }) => id).sort()).toEqual(ids)
        expect(await doneIds()).toEqual(ids)
      }, 60_000)
      const order = await sql.query<{ key: string; ns: number[] }>(
        `select outbox.key, json_agg(done.n order by done.number) as ns from done join commitcast.outbox using (id) group by 1`,
      )
      for (const { ns } of order) expect(ns).toEqual([...ns].sort((a, b) => a - b))
    },
    async putStray(partition: number, offset: number) {
      if (kind !== 'nats') return this.publishForeign(partition, offset - 1, 1)
      const nc = await connect({ servers: inject('natsUrl').replace('nats://', '') })
      await nc.jetstream().publish(`${app}-events.1.${partition}.thing.done`, '{}')
      await nc.close()
    },
    async publishForeign(partition: number, after: number, times: number) {
      const messages = Array.from({ length: times }, (_, index) => ({
        ...{
          offset: after + 1 + index,
          id: crypto.randomUUID(),
          type: 'thing.done',
          key: 'k',
          time: new Date().toISOString(),
        },
        ...{ tx: '1', headers: {}, body: '{"n":-1}' },
      }))
      await (await topic(1)).append(partition, after, messages)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((one) => one.stop()))
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }

  async function doneIds() {
    return (await sql.query<{ id: string }>('select id from done order by id')).map(({ id }) => id)
  }
}

/** As a plain reader does who knows where the epoch ends. */
async function readUpTo(topic: Topic, partition: number, end: number): Promise<Message[]> {
  const messages: Message[] = []
  if (end === 0) return messages
  for await (const batch of topic.read(partition, 0, { signal: AbortSignal.timeout(2_000), maxBatch: 1 })) {
    messages.push(...batch)
    if (batch.at(-1)!.offset >= end) break
  }
  return messages
}

function openBroker(kind: string, connectionString: string): Broker {
  if (kind === 'nats') return natsBroker({ servers: inject('natsUrl') })
  return kind === 'postgres' ? postgresBroker({ connectionString }) : memoryBroker()
}
