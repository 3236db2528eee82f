import { endOf } from '@commitcast/broker'
import { memoryBroker } from '@commitcast/broker/memory'
import { sqlOf } from '@commitcast/outbox'
import { createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openNetwork } from '../fixtures/network.ts'
import { openDatabase } from '../fixtures/open-database.ts'

const events = defineEvents({ 'thing.done': { data: z.object({ n: z.number() }) } })
const recoveredMs = 30_000

test('relay, stream worker, projection and handler continue within 30 s after the network forgot every connection', async () => {
  await using opened = await openBehindNetwork()
  const { cast, append, behind } = opened
  const handled: number[] = []
  const live = cast.live({ channels: () => ['all'] }).enrich('double', {
    id: ({ data }) => data.n,
    load: async (ids) => new Map((await doubles(behind.sql, ids)).map(({ n, double }) => [n, double])),
  })
  const kept = cast.projection('kept', async (batch, trx) => {
    for (const { data } of batch) await sqlOf(trx).query('insert into kept values ($1)', [data.n])
  })
  const calls = cast.handler('calls', { 'thing.done': async ({ data }) => void handled.push(data.n) })
  opened.run({ roles: ['relay', 'stream', 'consume'], use: [live, kept, calls] })
  const topic = await opened.broker.topic({ name: 'shop-live', epoch: 1, partitions: 1 })
  const allDone = async (count: number, ms?: number) =>
    eventually(async () => {
      expect(await opened.kept()).toBe(count)
      expect(new Set(handled).size).toBe(count)
      expect(await endOf(topic, 0)).toBe(count)
    }, ms)
  for (let n = 1; n <= 20; n++) await append(n)
  await allDone(20)
  for (let n = 21; n <= 30; n++) await append(n)
  opened.network.forget()
  for (let n = 31; n <= 40; n++) await append(n)
  await allDone(40, recoveredMs)
})

test("a projection's own statement may take as long as it likes; one whose answer got lost is done anew", async () => {
  await using opened = await openBehindNetwork()
  const { cast, append } = opened
  const tries: number[] = []
  const slow = cast.projection('slow', async ([event], trx) => {
    tries.push(event!.data.n)
    const isFirst = tries.filter((n) => n === event!.data.n).length === 1
    await sqlOf(trx).query('select pg_sleep($1)', [event!.data.n === 1 ? 20 : isFirst ? 2 : 0])
    await sqlOf(trx).query('insert into kept values ($1)', [event!.data.n])
  })
  opened.run({ roles: ['relay', 'consume'], use: [slow] })
  await append(1)
  await eventually(async () => expect(await opened.kept()).toBe(1), 40_000)
  expect(tries).toEqual([1])
  await append(2)
  await eventually(() => expect(tries).toEqual([1, 2]))
  opened.network.forget()
  await eventually(async () => expect(await opened.kept()).toBe(2), recoveredMs)
  expect(tries).toEqual([1, 2, 2])
})

test('a command, its answer and a state are done within 30 s after the network forgot their connection', async () => {
  await using opened = await openBehindNetwork()
  const { cast, behind, network } = opened
  const buy = () =>
    behind.db.transaction().execute((trx) =>
      cast.once(trx, { caller: 'ada', key: 'a' }, async () => {
        await cast.append(trx, { type: 'thing.done', key: 'a', data: { n: 1 } })
        return 'bought'
      }),
    )
  await behind.db.transaction().execute((trx) => sqlOf(trx).query('select'))
  network.forget()
  await eventually(async () => expect(await buy()).toBe('bought'), recoveredMs)
})

test('where the network is dark for new connections, too, a statement fails within 30 s, and works when it is back', async () => {
  await using opened = await openBehindNetwork()
  const { behind, network } = opened
  await behind.sql.query('select')
  network.forget({ newOnes: true })
  const failure = await behind.sql.query('select').catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'ETIMEDOUT' })
  await expect(behind.sql.query('select')).rejects.toThrow(/timeout/)
  network.forget()
  await behind.sql.query('select')
})

function doubles(sql: ReturnType<typeof sqlOf>, ids: readonly number[]) {
  return sql.query<{ n: number; double: number }>('select n, 2 * n as double from unnest($1::int[]) as n', [ids])
}

/** An app whose every statement goes through a network, and the same database beside it. */
async function openBehindNetwork() {
  const database = await freshDatabase({ partitions: 1 })
  await database.sql.query('create table kept (n int primary key)')
  const network = await openNetwork(() => Number(new URL(database.url).port))
  const behind = openDatabase(network.through(database.url))
  const broker = memoryBroker()
  const cast = createCommitcast({ app: 'shop', events, db: behind.db, broker, listenTo: network.through(database.url) })
  const beside = createCommitcast({ app: 'shop', events, db: database.db, broker })
  const ending = new AbortController()
  let running: Promise<void> | undefined
  return {
    database,
    network,
    behind,
    broker,
    cast,
    run(options: Omit<Parameters<typeof cast.run>[0], 'signal'>) {
      running = cast.run({ ...options, signal: ending.signal })
    },
    append: (n: number) =>
      database.db.transaction().execute((trx) => beside.append(trx, { type: 'thing.done', key: `${n}`, data: { n } })),
    async kept() {
      const [row] = await database.sql.query<{ count: number }>('select count(*)::int as count from kept')
      return row!.count
    },
    async [Symbol.asyncDispose]() {
      ending.abort()
      await running
      await cast.close()
      await behind[Symbol.asyncDispose]()
      await network[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
