import { assignOffsets, readPages } from '@commitcast/outbox'
import { createLeases } from '@commitcast/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filledDatabase, type freshDatabase } from '../fixtures/fresh-database.ts'

type Database = Awaited<ReturnType<typeof freshDatabase>>
type Leases = Awaited<ReturnType<ReturnType<typeof createLeases>['renew']>>
const schema = 'commitcast'
const partitions = 8
const segments = 10
/** `PLAN_ROWS` in the environment tries more by hand. */
const rows = Number(process.env.PLAN_ROWS ?? 200_000)
const maxPage = 500

/** What each partition costs in every call: its page, its lease, a few index walks in each segment. */
const perCall = partitions * segments * 12
/** What each event of a page costs: its row, its entry in an index, and a share of the rest. */
const perEvent = 2

/** Buffers, not time: they are the same on every machine, and a bad plan shows in them at once. */
let full: Awaited<ReturnType<typeof filledDatabase>>
beforeAll(async () => {
  full = await filledDatabase({ partitions }, fill)
})
afterAll(() => full?.drop())

describe(`with ${rows} events in ${segments} segments, what a call touches stays bounded`, () => {
  test('all given, and a tail of ten', async () => {
    await using database = await full.copy()
    const leases = await giveAll(database)
    expect(await buffersToGive(database, leases)).toBeLessThan(perCall)
    await appendTail(database)
    expect(await buffersToGive(database, leases)).toBeLessThan(perCall + 10 * perEvent)
    for (const after of [0, Math.floor(rows / partitions / 2)]) {
      expect(await readPages(database.sql, { schema, epoch: 1, partition: 0, after })).toHaveLength(1)
      expect(await buffersToRead(database, after)).toBeLessThan(perCall + maxPage * perEvent)
    }
  })

  test('none given yet', async () => {
    await using database = await full.copy()
    const leases = await leasesOf(database)
    for (let page = 0; page < 4; page++)
      expect(await buffersToGive(database, leases)).toBeLessThan(perCall + partitions * maxPage * perEvent)
  })

  test('a transaction that is still running has written much', async () => {
    await using database = await full.copy()
    const leases = await giveAll(database)
    await using straggler = await begin(database, insertToday(50_000))
    await database.sql.query(insertToday(100))
    await giveAll(database)
    expect(await buffersToGive(database, leases)).toBeLessThan(perCall)
    await appendTail(database)
    expect(await buffersToGive(database, leases)).toBeLessThan(perCall + 10 * perEvent)
    await straggler.commit()
    for (let page = 0; page < 2; page++)
      expect(await buffersToGive(database, leases)).toBeLessThan(perCall + partitions * maxPage * perEvent)
  })

  test('a transaction drew its id early and did nothing since', async () => {
    await using database = await full.copy()
    await using _early = await begin(database, 'select pg_current_xact_id()')
    const leases = await giveAll(database)
    await database.sql.query(insertToday(1_000))
    await giveAll(database)
    expect(await buffersToGive(database, leases)).toBeLessThan(perCall)
    await appendTail(database)
    expect(await buffersToGive(database, leases)).toBeLessThan(perCall + 10 * perEvent)
  })
})

/** Many transactions, their events spread over a week of segments. */
async function fill({ sql }: Database): Promise<void> {
  for (let day = 7; day >= 1; day--) {
    const segment = `commitcast.outbox_${utcDay(day).replaceAll('-', '')}`
    await sql.query(
      `create table ${segment} (like commitcast.outbox including defaults);
       alter table commitcast.outbox attach partition ${segment} for values from ('${utcDay(day)}T00:00Z') to ('${utcDay(day - 1)}T00:00Z')`,
    )
  }
  await sql.query(`do $$ begin
    for part in 0..99 loop
      insert into commitcast.outbox (id, type, key, data, occurred_at)
      select gen_random_uuid(), 'thing.done', 'k' || n, '1', clock_timestamp() - interval '7 days' * (99 - part) / 100
      from generate_series(part * ${rows} / 100 + 1, (part + 1) * ${rows} / 100) n;
      commit;
    end loop;
  end $$`)
}

function utcDay(daysAgo: number): string {
  return new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)
}

function insertToday(count: number): string {
  return `insert into commitcast.outbox (id, type, key, data)
    select gen_random_uuid(), 'thing.done', 'k' || n, '1' from generate_series(1, ${count}) n`
}

/** A transaction that did one thing and is idle, until committed or the end of the block. */
async function begin({ pool }: Database, statement: string) {
  const client = await pool.connect()
  await client.query('begin')
  await client.query(statement)
  let open = true
  const commit = async () => {
    if (open) await client.query('commit')
    if (open) client.release()
    open = false
  }
  return { commit, [Symbol.asyncDispose]: commit }
}

async function appendTail(database: Database): Promise<void> {
  for (let n = 0; n < 10; n++) await database.sql.query(`select commitcast.append('thing.done', 'k${n}', '1')`)
}

function leasesOf(database: Database): Promise<Leases> {
  return createLeases({ sql: database.sql, schema, group: 'relay', ttlMs: 600_000, owner: 'test' }).renew()
}

async function giveAll(database: Database): Promise<Leases> {
  const leases = await leasesOf(database)
  while ((await assignOffsets(database.sql, { schema, leases, maxPage })).length > 0);
  return leases
}

function buffersToGive(database: Database, leases: Leases): Promise<number> {
  const list = (values: readonly unknown[]) => `'{${values.join()}}'`
  const terms = list(leases.map((lease) => lease.term))
  return buffers(
    database,
    `${schema}.assign_offsets(${list(leases.map((lease) => lease.partition))}, ${terms}, ${maxPage})`,
  )
}

function buffersToRead(database: Database, after: number): Promise<number> {
  return buffers(database, `${schema}.read_pages(1, 0::smallint, ${after}, 1)`)
}

interface Explained {
  readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number }
}

/** What the function touches once its plans are made, on one connection: the first times it reads the catalogue, too. */
async function buffers({ pool }: Database, call: string): Promise<number> {
  const client = await pool.connect()
  try {
    for (let warmUp = 0; warmUp < 3; warmUp++) {
      await client.query('begin')
      await client.query(`select * from ${call}`)
      await client.query('rollback')
    }
    const { rows: explained } = await client.query<{ 'QUERY PLAN': readonly Explained[] }>(
      `explain (analyze, buffers, format json) select * from ${call}`,
    )
    const { Plan } = explained[0]!['QUERY PLAN'][0]!
    return Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks']
  } finally {
    client.release()
  }
}
