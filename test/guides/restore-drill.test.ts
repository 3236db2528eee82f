import { readFileSync } from 'node:fs'
import { createDatabase, startPostgres } from '@commitcast/servers'
import { createCommitcast, defineEvents } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { runCommitcast } from '../commitcast/run-commitcast.ts'
import { eventually } from '../fixtures/eventually.ts'
import { openDatabase } from '../fixtures/open-database.ts'

const events = defineEvents({ 'order.placed': { data: z.object({}) } })

/** The statements that docs/guides/restore-and-failover.md quotes. */
const statementsOf = (name: string) =>
  readFileSync(new URL(`../snippets/${name}`, import.meta.url), 'utf8')
    .split(/;$/m)
    .filter((statement) => statement.trim() !== '')

test('the drill of the guide: after a restore and a new epoch relay, groups and clients continue, with all that was backed up', async () => {
  await using server = await startPostgres()
  await using brokerDatabase = await createDatabase(server, 'broker')
  await using operator = openDatabase(server.url, { max: 1 })
  const run = async (statements: readonly string[]) => {
    for (const statement of statements) await operator.pool.query(statement)
  }
  await run(['create database shop'])
  const url = new URL('/shop', server.url).href
  await using shop = openShop(url, brokerDatabase.url)
  await shop.begin()

  await shop.place('a', 20)
  await eventually(async () => expect(await shop.counted()).toEqual(await shop.placed()))
  await eventually(async () => expect(shop.seen.orders).toEqual(await shop.placed()))
  // Of these some have an offset at the backup and some have none.
  await shop.place('b', 20)
  await run(statementsOf('drill-back-up.sql'))
  const kept = await eventually(() => shop.placed())
  await shop.place('lost', 10)
  await eventually(() => expect(shop.seen.orders).toHaveLength(50))

  await run(statementsOf('drill-restore.sql'))
  await eventually(async () => expect(await shop.placed()).toEqual(kept))
  await shop.place('c', 5)
  await eventually(() =>
    expect(shop.cast.health().relay?.troubles?.[0] ?? shop.cast.health().relay?.trouble).toMatch(
      /^This database is a copy: .*"commitcast topic new-epoch --from 1"/,
    ),
  )
  const ended = await runCommitcast(['topic', 'new-epoch', '--from', '1'], { DATABASE_URL: url })
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Epoch 1 has ended, epoch 2 has begun\./) })

  await shop.place('d', 5)
  const all = [...kept, ...numbered('c', 5), ...numbered('d', 5)].sort()
  expect(await shop.placed()).toEqual(all)
  await eventually(async () => expect(await shop.counted()).toEqual(all))
  await eventually(() => expect(shop.seen.orders).toEqual(all))
  expect(shop.seen.resyncs).toContain('epoch')
  await eventually(() => expect(shop.cast.health()).toMatchObject({ ready: true }))
})

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(2, '0')}`)
}

interface Tables {
  readonly orders: { readonly id: string }
  readonly counted: { readonly id: string }
}

/** A shop with a relay, a projection and a client that follows the orders. */
function openShop(url: string, brokerUrl: string) {
  const broker = postgresBroker({ connectionString: brokerUrl })
  const cast = createCommitcast<typeof events, Tables>({ app: 'shop', events, connectionString: url, broker })
  const live = cast.live({ channels: () => ['orders'] })
  const counting = cast.projection('counted', async (batch, trx) => {
    await trx
      .insertInto('counted')
      .values(batch.map(({ key }) => ({ id: key })))
      .execute()
  })
  const stopping = new AbortController()
  const seen = { orders: [] as string[], resyncs: [] as string[] }
  const running: Promise<unknown>[] = []
  const idsIn = async (table: keyof Tables) =>
    (await cast.db.selectFrom(table).select('id').orderBy('id').execute()).map(({ id }) => id)
  const query = live.subscription({
    channels: () => ['orders'],
    authorize: 'everyone',
    state: async ({ trx }) => (await trx.selectFrom('orders').select('id').execute()).map(({ id }) => id),
  })
  const follow = async () => {
    for await (const [, envelope] of query({ ctx: {}, input: {}, signal: stopping.signal })) {
      if (envelope.kind === 'resync') seen.resyncs.push(envelope.reason)
      if (envelope.kind === 'state') seen.orders = envelope.state.toSorted()
      if (envelope.kind === 'event') seen.orders = [...seen.orders, envelope.event.key].sort()
    }
  }
  return {
    cast,
    seen,
    placed: () => idsIn('orders'),
    counted: () => idsIn('counted'),
    async begin() {
      await sql`create table orders (id text primary key)`.execute(cast.db)
      await sql`create table counted (id text primary key)`.execute(cast.db)
      await cast.migrate({ partitions: 2 })
      running.push(cast.run({ use: [live, counting], signal: stopping.signal }), follow())
    },
    async place(prefix: string, count: number) {
      for (const id of numbered(prefix, count)) {
        await eventually(() =>
          cast.db.transaction().execute(async (trx) => {
            await trx.insertInto('orders').values({ id }).execute()
            await cast.append(trx, { type: 'order.placed', key: id, data: {} })
          }),
        )
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await Promise.all(running)
      await cast.close()
    },
  }
}
