import { memoryBroker } from '@commitcast/broker/memory'
import { assignOffsets, newEpoch, type Page, readPages, runRelay } from '@commitcast/outbox'
import { type Server, startPostgres } from '@commitcast/servers'
import { createLeases, type Sql } from '@commitcast/worker'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { readLog } from '../fixtures/read-log.ts'
import { drawTransactionIds, nextTransactionId, restoredCopy } from './restored-copy.ts'

const schema = 'commitcast'
const partitions = 3
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

let elsewhere: Server

beforeAll(async () => {
  elsewhere = await startPostgres()
})

afterAll(() => elsewhere.stop())

interface Written {
  readonly id: string
  readonly key: string
  readonly at: number
  committedAt?: number
}

/** Writers whose transactions overlap, each event with the steps between which it was written and committed. */
function createWriters(pool: pg.Pool, random: Random) {
  const committed: Written[] = []
  const open: { readonly client: pg.PoolClient; readonly events: Written[] }[] = []
  let step = 0
  const end = async (commits: boolean) => {
    const [one] = open.splice(random.int(0, open.length - 1), 1)
    if (!one) return
    await one.client.query(commits ? 'commit' : 'rollback')
    one.client.release()
    if (commits) committed.push(...one.events.map((event) => ({ ...event, committedAt: step })))
  }
  return {
    committed,
    async act(times: number) {
      for (let n = 0; n < times; n++) {
        step++
        if (open.length < 4 && random.chance(0.3)) {
          const client = await pool.connect()
          await client.query('begin')
          if (random.chance(0.5)) await client.query('select pg_current_xact_id()')
          open.push({ client, events: [] })
        } else if (open.length > 0 && random.chance(0.6)) {
          const writer = random.pick(open)
          const event = { id: crypto.randomUUID(), key: random.pick(keys), at: step }
          await writer.client.query('select commitcast.append_all($1)', [
            JSON.stringify([{ ...event, type: 'thing.done', data: { step } }]),
          ])
          writer.events.push(event)
        } else await end(random.chance(0.85))
      }
    },
    async endAll() {
      step++
      while (open.length > 0) await end(true)
    },
  }
}

async function takeLeases(sql: Sql) {
  return createLeases({ sql, schema, group: 'relay', ttlMs: 600_000 }).renew()
}

async function pagesOf(sql: Sql, epoch: number): Promise<Page[]> {
  const all = Array.from({ length: partitions }, (_, partition) =>
    readPages(sql, { schema, epoch, partition, after: 0, maxPages: 10_000 }),
  )
  return (await Promise.all(all)).flat()
}

function idsOf(pages: readonly Page[]): string[] {
  return pages.flatMap((page) => page.messages.map((message) => message.id))
}

/** A relay on a broker in memory, until the block ends. */
function relayOn({ sql, url }: { sql: Sql; url: string }) {
  const stopping = new AbortController()
  const broker = memoryBroker()
  const relay = runRelay({ sql, broker, app: 'shop', schema, signal: stopping.signal, listenTo: url, maxPage: 5 })
  return {
    relay,
    async stored(epoch: number): Promise<string[]> {
      const topic = await broker.topic({ name: 'shop-events', epoch, partitions })
      const logs = await Promise.all(Array.from({ length: partitions }, (_, partition) => readLog(topic, partition)))
      return logs.flat().map((message) => message.id)
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await relay.done
      await broker.close()
    },
  }
}

const rounds = Array.from({ length: Number(process.env.ROUNDS ?? 2) }, (_, round) => round + 1)

describe.each(['lower', 'the same', 'higher'])('a dump that is restored where transaction ids are %s', (where) => {
  test.each(rounds)(
    'is refused; a new epoch gives just what was not given, once and in order (round %i)',
    async () => {
      const random = createRandom()
      const context = `SEED=${random.seed}`
      await using source = await freshDatabase({ partitions })
      // Copying draws some 200 of them, so they end up in the middle of those that the rows have.
      if (where !== 'higher')
        await drawTransactionIds(source.sql, (await nextIdOf(elsewhere)) + (where === 'lower' ? 5_000n : 150n))
      const leases = await takeLeases(source.sql)
      const before = createWriters(source.pool, random)
      for (let n = 0; n < 12; n++) {
        await before.act(random.int(1, 10))
        await assignOffsets(source.sql, { schema, leases, maxPage: random.int(1, 4) })
      }
      await before.act(random.int(0, 20))
      // The dump shows what has committed by now; everything else never was.
      const committed = [...before.committed]
      await using restored = await restoredCopy(source.pool, elsewhere)
      await restored.sql.query('create publication everything for all tables')
      const given = idsOf(await pagesOf(source.sql, 1))
      await before.endAll()
      if (where === 'higher') await drawTransactionIds(restored.sql, (await nextTransactionId(source.sql)) + 500n)

      const since = createWriters(restored.pool, random)
      await since.act(random.int(5, 30))
      await using running = relayOn(restored)
      await eventually(() =>
        expect(running.relay.health().trouble).toMatch(
          /^This database is a copy: .*"commitcast topic new-epoch --from 1"/,
        ),
      )
      expect(idsOf(await pagesOf(restored.sql, 1)).sort(), context).toEqual([...given].sort())

      await since.endAll()
      const ended = await newEpoch(restored.sql, { from: 1 })
      const ungiven = committed.filter(({ id }) => !given.includes(id))
      expect(ended, context).toEqual({ epoch: 2, isNew: true, moved: ungiven.length + since.committed.length })
      expect(await newEpoch(restored.sql, { from: 1 })).toEqual({ epoch: 2, isNew: false, moved: 0 })
      await since.act(30)
      // Now the ids of this server run through those that the dump brought, and beyond.
      if (where === 'lower') await drawTransactionIds(restored.sql, (await nextTransactionId(source.sql)) + 100n)
      await since.act(10)
      await since.endAll()
      const due = [...ungiven, ...since.committed]
      await eventually(async () => {
        expect((await running.stored(2)).sort(), context).toEqual(due.map(({ id }) => id).sort())
      })
      expect(running.relay.health()).toMatchObject({ ready: true })
      expect(idsOf(await pagesOf(restored.sql, 1)).sort(), context).toEqual([...given].sort())
      const order = idsOf(await pagesOf(restored.sql, 2))
      for (const [early, late] of pairs(ungiven)) expectOrder(order, early, late, context)
      for (const [early, late] of pairs(since.committed)) expectOrder(order, early, late, context)
    },
    60_000,
  )
})

async function nextIdOf(server: Server): Promise<bigint> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    const { rows } = await client.query('select pg_snapshot_xmax(pg_current_snapshot())::text as id')
    return BigInt(rows[0].id)
  } finally {
    await client.end()
  }
}

function* pairs(events: readonly Written[]) {
  for (const early of events) {
    for (const late of events) if (early.key === late.key && early.committedAt! < late.at) yield [early, late] as const
  }
}

function expectOrder(order: readonly string[], early: Written, late: Written, context: string) {
  expect(order.indexOf(early.id), context).toBeLessThan(order.indexOf(late.id))
}

test('transaction ids of given events that come up again on the new server, in a transaction that was running, give them to nobody', async () => {
  await using source = await freshDatabase({ partitions: 1 })
  await drawTransactionIds(source.sql, (await nextIdOf(elsewhere)) + 2_000n)
  await append(source.sql, 5)
  const old = idsOf(await assignOffsets(source.sql, { schema, leases: await takeLeases(source.sql), maxPage: 100 }))
  const rows = await source.sql.query<{ tx: string }>('select tx::text from commitcast.outbox order by position')
  const ids = rows.map(({ tx }) => tx)
  await using restored = await restoredCopy(source.pool, elsewhere)
  const { sql } = restored
  expect(await newEpoch(sql, { from: 1 })).toMatchObject({ epoch: 2, moved: 0 })
  const leases = await takeLeases(sql)
  const give = async () => idsOf(await assignOffsets(sql, { schema, leases, maxPage: 100 }))

  const client = await beginWithOneOf(restored, ids)
  await append(sql, 1)
  expect(await give()).toHaveLength(1)
  await client.query(`select commitcast.append('thing.done', 'late', '1')`)
  await client.query('commit')
  client.release()
  const late = await give()
  expect(late).toHaveLength(1)
  expect(old).not.toContain(late[0])
  const again = await readPages(sql, { schema, epoch: 1, partition: 0, after: 0, maxPages: 10 })
  expect(idsOf(again)).toEqual(old)
})

test('a dump that comes back without its materialized view has to be told where it ends, and then goes on', async () => {
  await using source = await freshDatabase({ partitions })
  const leases = await takeLeases(source.sql)
  await append(source.sql, 10)
  const given = idsOf(await assignOffsets(source.sql, { schema, leases, maxPage: 100 }))
  await append(source.sql, 5)
  await using restored = await restoredCopy(source.pool, elsewhere, { refreshes: false })
  const [{ last } = { last: '' }] = await restored.sql.query<{ last: string }>(
    'select max(position)::text as last from commitcast.outbox',
  )
  await append(restored.sql, 5)
  await expect(newEpoch(restored.sql, { from: 1 })).rejects.toThrow(/Say it with --restored-up-to/)
  await expect(newEpoch(restored.sql, { from: 1, restoredUpTo: 1 })).rejects.toThrow(/Say it with --restored-up-to/)
  expect(await newEpoch(restored.sql, { from: 1, restoredUpTo: Number(last) })).toMatchObject({ epoch: 2, moved: 10 })
  await using running = relayOn(restored)
  await eventually(async () => expect(await running.stored(2)).toHaveLength(10))
  for (const id of await running.stored(2)) expect(given).not.toContain(id)
})

test('events of a day that retention has closed are moved, too, and the outbox is append-only again afterwards', async () => {
  await using source = await freshDatabase({ partitions })
  await append(source.sql, 3)
  await using restored = await restoredCopy(source.pool, elsewhere)
  const { sql } = restored
  const [{ segment } = { segment: '' }] = await sql.query<{ segment: string }>(
    'select tableoid::regclass::text as segment from commitcast.outbox limit 1',
  )
  await sql.query(
    `create trigger outbox_closed before insert on ${segment} for each row execute function commitcast.refuse_late()`,
  )
  expect(await newEpoch(sql, { from: 1 })).toEqual({ epoch: 2, isNew: true, moved: 3 })
  await expect(append(sql, 1)).rejects.toThrow(/The outbox is closed/)
  await expect(sql.query('delete from commitcast.outbox')).rejects.toThrow(/append-only/)
  const given = await assignOffsets(sql, { schema, leases: await takeLeases(sql), maxPage: 10 })
  expect(idsOf(given)).toHaveLength(3)
})

test('a database that was cloned in its cluster is refused; a new epoch goes on where its pages end', async () => {
  const clone = `clone_${crypto.randomUUID().slice(0, 8)}`
  await using source = await freshDatabase({ partitions })
  const leases = await takeLeases(source.sql)
  await append(source.sql, 10)
  const given = idsOf(await assignOffsets(source.sql, { schema, leases, maxPage: 3 }))
  await source.db.destroy()
  const admin = new pg.Client({ connectionString: source.url.replace(/\/[^/]*$/, '/postgres') })
  await admin.connect()
  await admin.query(`create database ${clone} template "${new URL(source.url).pathname.slice(1)}"`)
  const { db, sql } = openDatabase(source.url.replace(/\/[^/]*$/, `/${clone}`))
  await expect(assignOffsets(sql, { schema, leases, maxPage: 3 })).rejects.toThrow(/This database is a copy/)
  expect(await newEpoch(sql, { from: 1 })).toEqual({ epoch: 2, isNew: true, moved: 0 })
  await append(sql, 4)
  await sql.query('delete from commitcast.member')
  const again = await takeLeases(sql)
  const ids: string[] = []
  for (let n = 0; n < 20; n++) ids.push(...idsOf(await assignOffsets(sql, { schema, leases: again, maxPage: 3 })))
  const all = (await sql.query<{ id: string }>('select id from commitcast.outbox')).map((row) => row.id)
  expect([...given, ...ids].sort()).toEqual(all.sort())
  await db.destroy()
  await admin.query(`drop database ${clone} with (force)`)
  await admin.end()
})

test('a database that was copied file by file under another system identifier, as by pg_upgrade, simply goes on', async () => {
  await using database = await freshDatabase({ partitions })
  const { sql } = database
  const leases = await takeLeases(sql)
  await append(sql, 3)
  expect(idsOf(await assignOffsets(sql, { schema, leases, maxPage: 10 }))).toHaveLength(3)
  await sql.query(`create or replace function commitcast.this_cluster() returns table (system_identifier bigint, database oid)
    language sql stable as $$ select 4711, oid from pg_database where datname = current_database() $$`)
  await append(sql, 2)
  expect(idsOf(await assignOffsets(sql, { schema, leases, maxPage: 10 }))).toHaveLength(2)
  expect(await sql.query('select system_identifier::text as id, epoch from commitcast.topic')).toEqual([
    { id: '4711', epoch: 1 },
  ])
})

test('a server whose transaction ids are behind those of its pages gives nothing, and says how it is mended', async () => {
  await using database = await freshDatabase({ partitions })
  const { sql } = database
  const leases = await takeLeases(sql)
  await append(sql, 3)
  await assignOffsets(sql, { schema, leases, maxPage: 10 })
  await sql.query(`update commitcast.lease set expires_at = '-infinity'`)
  await sql.query('delete from commitcast.member')
  await sql.query(`update commitcast.page set to_snapshot = '9000000000:9000000000:', to_next = '9000000001'`)
  await append(sql, 2)
  await using running = relayOn(database)
  await eventually(() =>
    expect(running.relay.health().trouble).toMatch(
      /^The database went back in time: .* "commitcast topic new-epoch --from 1"/,
    ),
  )
  await expect(newEpoch(sql, { from: 1 })).rejects.toThrow(/Say it with --restored-up-to/)
})

test('a page is not given where the server was started anew since', async () => {
  await using database = await freshDatabase({ partitions })
  const leases = await takeLeases(database.sql)
  await append(database.sql, 3)
  const give = assignOffsets(database.sql, { schema, leases, maxPage: 10, serverStarted: '2020-01-01 00:00:00+00' })
  await expect(give).rejects.toThrow(/was started anew/)
  expect(await pagesOf(database.sql, 1)).toEqual([])
})

/** A transaction whose id is one of these, which are above all that the server has drawn. */
async function beginWithOneOf({ sql, pool }: { sql: Sql; pool: pg.Pool }, ids: readonly string[]) {
  const client = await pool.connect()
  for (const id of ids) {
    await drawTransactionIds(sql, BigInt(id) - 1n)
    await client.query('begin')
    const { rows } = await client.query('select pg_current_xact_id()::text as id')
    if (ids.includes(rows[0].id)) return client
    // The server drew one for itself.
    await client.query('rollback')
  }
  throw new Error(`None of the transaction ids ${ids} came up.`)
}

async function append(sql: Sql, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await sql.query(`select commitcast.append('thing.done', $1, '1')`, [keys[n % 7]])
}
