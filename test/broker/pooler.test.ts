import { endOf } from '@commitcast/broker'
import { postgresBroker } from '@commitcast/broker/postgres'
import { defineEvents } from '@commitcast/events'
import { createAppend, migrate, runRelay } from '@commitcast/outbox'
import { createDatabase, startPgbouncer, unlessLeftOut } from '@commitcast/servers'
import { createLeases, type Sql } from '@commitcast/worker'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { expectStoredOnce } from '../fixtures/expect-stored-once.ts'
import { openNetwork } from '../fixtures/network.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { createRandom } from '../fixtures/random.ts'
import { startWriters } from '../fixtures/start-writers.ts'

const poolSize = 4
const started = await unlessLeftOut(
  'THE TESTS BEHIND A POOLER',
  startPgbouncer({ url: inject('postgresUrl') }, { settings: { default_pool_size: String(poolSize) } }),
)

describe.skipIf(!started)('behind PgBouncer in transaction mode', () => {
  const pooler = started!
  afterAll(() => pooler.stop())

  test('a connection on which query_timeout gave a statement up is not used again', async () => {
    await using network = await openNetwork(() => Number(new URL(pooler.url).port))
    await using behind = openDatabase(network.through(pooler.url), { max: 1, query_timeout: 3_000 })
    await behind.sql.query('select')
    network.forget()
    await expect(behind.sql.query('select')).rejects.toThrow('Query read timeout')
    await eventually(() => behind.sql.query('select'), 30_000)
  })

  test('what many writers commit goes through two relays into the Postgres broker, once and in order', async () => {
    const random = createRandom()
    process.stdout.write(`SEED=${random.seed}\n`)
    await using database = await pooledDatabase(pooler.url, 4)
    const { pool, sql, url } = database
    const brokers = [1, 2].map(() => postgresBroker({ connectionString: url, listen: false }))
    const stopping = [new AbortController(), new AbortController()] as const
    const relays = brokers.map((broker, index) =>
      runRelay({ sql, broker, app: 'pooled', schema: 'commitcast', signal: stopping[index]!.signal }),
    )
    const shares = () => relays.map((relay) => (relay.health().partitions as readonly number[]).toSorted())
    await eventually(() => expect(shares().map((share) => share?.length)).toEqual([2, 2]))

    const topic = await brokers[0]!.topic({ name: 'pooled-events', epoch: 1, partitions: 4 })
    const live: number[] = []
    const reading = new AbortController()
    const followed = (async () => {
      for await (const batch of topic.read(0, 0, { signal: reading.signal })) live.push(...batch.map((m) => m.offset))
    })()
    await using writers = startWriters({ pool, random })
    const stored = async () =>
      (await sql.query<{ n: string }>('select count(*) as n from commitcast_broker.message'))[0]
    await eventually(async () => expect(Number((await stored())?.n)).toBeGreaterThan(1_000))
    stopping[1].abort()
    await relays[1]!.done
    await eventually(() => expect(shares()[0]).toEqual([0, 1, 2, 3]))
    await eventually(async () => expect(Number((await stored())?.n)).toBeGreaterThan(2_000))
    await writers.stop()

    expect(await backendsOf(sql)).toBeLessThanOrEqual(poolSize)
    await expectStoredOnce(sql, topic, `SEED=${random.seed}`)
    const end = await endOf(topic, 0)
    await eventually(() => expect(live.at(-1)).toBe(end))
    expect(live).toEqual(Array.from({ length: end }, (_, index) => index + 1))

    reading.abort()
    stopping[0].abort()
    await Promise.all([followed, ...relays.map((relay) => relay.done)])
    await Promise.all(brokers.map((broker) => broker.close()))
  })

  test('an append is in the transaction of its state, and leaves nothing when that rolls back', async () => {
    await using database = await pooledDatabase(pooler.url, 1)
    const { db, sql } = database
    const append = createAppend(defineEvents({ 'order.placed': { data: z.object({ n: z.number() }) } }))
    const write = (n: number, fails: boolean) =>
      db.transaction().execute(async (trx) => {
        await append(trx, { type: 'order.placed', key: 'a', data: { n } })
        if (fails) throw new Error('rolled back')
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => write(n, n % 4 === 0)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(30)
    const rows = await sql.query<{ n: number }>(`select (data->>'n')::int as n from commitcast.outbox order by n`)
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 40 }, (_, n) => n).filter((n) => n % 4 !== 0))
  })

  test('leases are shared, and terms grow, although no worker has a connection of its own', async () => {
    await using database = await pooledDatabase(pooler.url, 4)
    const group = { sql: database.sql, schema: 'commitcast', group: 'relay' }
    const [first, second] = [createLeases({ ...group, owner: 'first' }), createLeases({ ...group, owner: 'second' })]
    expect(await first.renew()).toHaveLength(4)
    await eventually(async () => {
      const held = [await first.renew(), await second.renew()]
      expect(held.map((leases) => leases.length)).toEqual([2, 2])
    })
    await first.release()
    const held = await second.renew()
    expect(held.map(({ partition }) => partition)).toEqual([0, 1, 2, 3])
    expect(held.filter(({ term }) => term > 1n).length).toBeGreaterThanOrEqual(2)
  })
})

/** A new database, migrated and used through the pooler only. */
async function pooledDatabase(poolerUrl: string, partitions: number) {
  const direct = await createDatabase(inject('postgresUrl'), 'pooled')
  const pooled = new URL(poolerUrl)
  pooled.pathname = new URL(direct.url).pathname
  const database = openDatabase(pooled.href, { onEnd: direct.drop })
  await migrate(database.sql, { partitions })
  return database
}

async function backendsOf(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    'select count(*)::int as n from pg_stat_activity where datname = current_database()',
  )
  return row!.n
}
