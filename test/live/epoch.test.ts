import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { newEpoch, sqlOf } from '@commitcast/outbox'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { readLog } from '../fixtures/read-log.ts'

const events = defineEvents({ 'count.grown': { data: z.object({ by: z.number() }) } })
const partitions = 2
const keys = ['a', 'b', 'c', 'd']

/** Counters that are changed in the events' own transactions, all workers, and a live query over the counters. */
async function openCounters() {
  const database = await freshDatabase({ partitions })
  await database.sql.query('create table counter (id text primary key, value int not null)')
  await database.sql.query('insert into counter select unnest($1::text[]), 0', [keys])
  const storage: MemoryStorage = new Map()
  const broker = memoryBroker(storage)
  const cast = createCommitcast({ app: 'count', events, db: database.db, broker, listenTo: database.url })
  const live = cast.live({ channels: () => ['all'] })
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  const values = async (sql = database.sql) =>
    Object.fromEntries(
      (await sql.query<{ id: string; value: number }>('select id, value from counter order by id')).map(
        ({ id, value }) => [id, value],
      ),
    )
  return {
    ...database,
    broker,
    cast,
    live,
    values,
    async grow(times: number) {
      for (let n = 0; n < times; n++) {
        const key = keys[n % keys.length]!
        await database.db.transaction().execute(async (trx) => {
          await sqlOf(trx).query('update counter set value = value + 1 where id = $1', [key])
          await cast.append(trx, { type: 'count.grown', key, data: { by: 1 } })
        })
      }
    },
    /** The events of a topic, by partition. */
    async stored(name: string, epoch: number) {
      const topic = await broker.topic({ name, epoch, partitions })
      const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => readLog(topic, partition)))
      return logs.map((log) => log.map((message) => message.id))
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

type Counters = Awaited<ReturnType<typeof openCounters>>

/** A client that folds what it is told, on one subscription that never ends. */
function watch(counters: Counters, signal: AbortSignal) {
  const seen = { values: {} as Record<string, number>, kinds: [] as string[], reasons: [] as string[] }
  const query = counters.live.subscription({
    channels: () => ['all'],
    authorize: 'everyone',
    state: ({ trx }) => counters.values(sqlOf(trx)),
  })
  const done = (async () => {
    for await (const [, envelope] of query({ ctx: {}, input: {}, signal })) {
      seen.kinds.push(envelope.kind)
      if (envelope.kind === 'state') seen.values = { ...envelope.state }
      if (envelope.kind === 'resync') seen.reasons.push(envelope.reason)
      if (envelope.kind === 'event') seen.values[envelope.event.key]! += envelope.event.data.by
    }
  })()
  return { seen, done }
}

test('a live query is told to resync at a new epoch and goes on by itself; its state misses nothing and has nothing twice', async () => {
  await using counters = await openCounters()
  const ending = new AbortController()
  const { seen, done } = watch(counters, ending.signal)
  await counters.grow(20)
  await eventually(async () => expect(seen.values).toEqual(await counters.values()))
  const growing = counters.grow(120)
  for (let epoch = 1; epoch <= 2; epoch++) {
    expect(await newEpoch(counters.sql, { from: epoch })).toMatchObject({ epoch: epoch + 1, isNew: true })
    await eventually(() => expect(seen.kinds.filter((kind) => kind === 'live')).toHaveLength(epoch + 1))
  }
  await growing
  await counters.grow(12)
  await eventually(async () => expect(seen.values).toEqual(await counters.values()))
  expect(seen.reasons).toEqual(['epoch', 'epoch'])
  expect(seen.kinds.slice(0, 2)).toEqual(['state', 'live'])
  expect(counters.cast.health()).toMatchObject({
    hub: { ready: true },
    relay: { ready: true },
    stream: { ready: true },
  })
  ending.abort()
  await done
})

test('an earlier epoch of the live topic is finished from the outbox, also where the broker lacks its end', async () => {
  await using counters = await openCounters()
  const { sql } = counters
  await counters.grow(8)
  const ids = (lists: readonly string[][]) => lists.flat().sort()
  await eventually(async () => expect((await counters.stored('count-live', 1)).flat()).toHaveLength(8))

  // Given, and known to nobody but the page log: the relay that gave them was never seen again.
  await sql.query(
    `insert into commitcast.member (group_name, owner, seen_at, ttl_ms)
     select distinct group_name, 'another worker', now(), 3600000 from commitcast.lease;
     update commitcast.lease set owner = 'another worker', term = term + 1`,
  )
  await counters.grow(8)
  const leases = await sql.query<{ partition: number; term: string }>(
    `select partition, term::text from commitcast.lease where group_name = 'relay'`,
  )
  await sql.query('select * from commitcast.assign_offsets($1, $2, 100)', [
    leases.map((lease) => lease.partition),
    leases.map((lease) => lease.term),
  ])
  await newEpoch(sql, { from: 1 })
  await sql.query(`delete from commitcast.member where owner = 'another worker'`)
  await counters.grow(4)
  await eventually(async () => {
    expect((await counters.stored('count-live', 2)).flat()).toHaveLength(4)
    expect((await counters.stored('count-live', 1)).flat()).toHaveLength(16)
  })
  const all = await sql.query<{ id: string }>('select id from commitcast.outbox')
  expect(ids([...(await counters.stored('count-live', 1)), ...(await counters.stored('count-live', 2))])).toEqual(
    all.map((row) => row.id).sort(),
  )
})

test('in a new epoch a fresh process has nothing old for clients without a state: new ones, and those of the old epoch', async () => {
  await using counters = await openCounters()
  await counters.grow(4)
  await eventually(async () => expect((await counters.stored('count-live', 1)).flat()).toHaveLength(4))
  await newEpoch(counters.sql, { from: 1 })
  await counters.grow(12)
  await eventually(async () => expect((await counters.stored('count-live', 2)).flat()).toHaveLength(12))

  const ending = new AbortController()
  const clients = [undefined, '1.1.0-0'].map((lastEventId) => {
    const kinds: string[] = []
    const call = { ctx: {}, input: {}, signal: ending.signal, getRawInput: async () => ({ lastEventId }) }
    const done = (async () => {
      for await (const [, { kind }] of counters.live.subscription({ channels: () => ['all'], authorize: 'everyone' })(
        call,
      ))
        kinds.push(kind)
    })()
    return { kinds, done }
  })
  await eventually(() => expect(clients.map(({ kinds }) => kinds)).toEqual([['live'], ['resync', 'live']]))
  await counters.grow(2)
  await eventually(() =>
    expect(clients.map(({ kinds }) => kinds.slice(-3))).toEqual([
      ['live', 'event', 'event'],
      ['live', 'event', 'event'],
    ]),
  )
  ending.abort()
  await Promise.all(clients.map(({ done }) => done))
})
