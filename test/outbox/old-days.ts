import { assignOffsets, type Page, surviveErrors } from '@commitcast/outbox'
import { createLeases, type Lease, type Sql } from '@commitcast/worker'
import pg from 'pg'
import { expect, inject } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

export type Database = Awaited<ReturnType<typeof freshDatabase>>
export const schema = 'commitcast'

/** What retention asks of a broker that has stored everything. */
export const all = async () => Number.MAX_SAFE_INTEGER

/** A database with segments of so many days ago. */
export async function oldDays(days: readonly number[], partitions = 1): Promise<Database> {
  const database = await freshDatabase({ partitions })
  for (const day of days) await attachDay(database, day)
  await attachDaysSince(database, 7, days)
  return database
}

export async function attachDay(
  { sql }: Pick<Database, 'sql'>,
  daysAgo: number,
  { into = schema, name = segmentOf(daysAgo) } = {},
): Promise<void> {
  await sql.query(
    `create table ${into}.${name} (like ${into}.outbox including defaults);
     alter table ${into}.outbox attach partition ${into}.${name}
       for values from ('${utcDay(daysAgo)}T00:00Z') to ('${utcDay(daysAgo - 1)}T00:00Z')`,
  )
}

/** The days that have passed since, but for some, under other names: no older day goes without them. */
export async function attachDaysSince(
  database: Pick<Database, 'sql'>,
  daysAgo: number,
  but: readonly number[] = [],
  into = schema,
): Promise<void> {
  for (let day = daysAgo; day > 0; day--)
    if (!but.includes(day)) await attachDay(database, day, { into, name: `day_${day}` })
}

function utcDay(daysAgo: number): string {
  return new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)
}

export function segmentOf(daysAgo: number): string {
  return `outbox_${utcDay(daysAgo).replaceAll('-', '')}`
}

export function insertAt(daysAgo: number, id: string, key: string): string {
  return `insert into commitcast.outbox (id, type, key, data, occurred_at)
    select ${id}, 'thing.done', ${key}, '1', clock_timestamp() - interval '${daysAgo} days'`
}

export async function write(database: Database, daysAgo: number, count: number): Promise<void> {
  await database.sql.query(`${insertAt(daysAgo, 'gen_random_uuid()', "'k' || n")} from generate_series(1, ${count}) n`)
}

export function leasesOf(database: Database): Promise<readonly Lease[]> {
  return createLeases({ sql: database.sql, schema, group: 'relay', ttlMs: 600_000, owner: 'test' }).renew()
}

export async function giveAll(database: Database, maxPage: number): Promise<readonly Page[]> {
  const leases = await leasesOf(database)
  const given: Page[] = []
  for (;;) {
    const pages = await assignOffsets(database.sql, { schema, leases, maxPage })
    if (pages.length === 0) return given
    given.push(...pages)
  }
}

export async function given(database: Database): Promise<number> {
  const [row] = await database.sql.query<{ last: number }>(
    'select coalesce(max(first_offset + count - 1), 0)::int as last from commitcast.page',
  )
  return row!.last
}

export async function pages(database: Database): Promise<readonly string[]> {
  const rows = await database.sql.query<{ first: string }>(
    'select first_offset::text as first from commitcast.page order by first_offset',
  )
  return rows.map((row) => row.first)
}

/** The old days that are still there, in the outbox or beside it. */
export async function leavesLeft(database: Database): Promise<readonly string[]> {
  const rows = await database.sql.query<{ name: string }>(
    `select relname::text as name from pg_class where relname ~ '^outbox_\\d+$' and relkind = 'r' and relname < $1 order by 1`,
    [segmentOf(2)],
  )
  return rows.map((row) => row.name)
}

/** A transaction that did one thing and is idle, until committed or the end of the block. */
export async function begin(database: Pick<Database, 'pool'>, isolation: string, statement: string) {
  const client = await database.pool.connect()
  await client.query(`begin isolation level ${isolation || 'read committed'}`)
  await client.query(statement)
  let open = true
  const commit = async () => {
    if (open) await client.query('commit')
    if (open) client.release()
    open = false
  }
  const dispose = async () => {
    // Its backend may have been killed, or the test failed while it waits.
    if (open) client.release(true)
    open = false
  }
  return { client, commit, [Symbol.asyncDispose]: dispose }
}

/** For what asks a `Sql`, on one connection. */
export function onClient(client: pg.PoolClient): Sql {
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      return (await client.query(text, [...values])).rows as TRow[]
    },
  }
}

/** The same in another database of the cluster. */
export async function elsewhere(statement: string) {
  const pool = surviveErrors(new pg.Pool({ connectionString: inject('postgresUrl') }))
  const one = await begin({ pool }, '', statement)
  return {
    async [Symbol.asyncDispose]() {
      await one.commit()
      await pool.end()
    },
  }
}

/** Answers so many statements; what comes after is never heard of. */
export function dyingAfter(sql: Sql, statements: number) {
  const death = new Error('killed')
  const dying: Sql = {
    async query<TRow>(text: string, values?: readonly unknown[]) {
      if (statements-- <= 0) throw death
      return sql.query<TRow>(text, values)
    },
  }
  const died = (error: unknown) => {
    if (error !== death) throw error
  }
  return { dying, died }
}

export function onNewConnections(connectionString: string): Sql {
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      const client = new pg.Client({ connectionString })
      client.on('error', () => {})
      await client.connect()
      try {
        return (await client.query(text, [...values])).rows as TRow[]
      } finally {
        await client.end().catch(() => {})
      }
    },
  }
}

/** Whether a segment on its way out waits for another transaction. */
export async function isDetachWaiting({ sql }: Database): Promise<boolean> {
  const rows = await sql.query(
    `select from pg_stat_activity
     where datname = current_database() and query ~ '^/. retention' and wait_event_type = 'Lock'`,
  )
  return rows.length > 0
}

/** Appends, gives and asks for segments, each again and again, until stopped. */
export function watchTraffic(database: Database) {
  let stopped = false
  const rounds = [0, 0, 0]
  const leases = leasesOf(database)
  const acts = [
    () => database.sql.query(`select commitcast.append('a', 'k', '1')`),
    async () => assignOffsets(database.sql, { schema, leases: await leases, maxPage: 10 }),
    () => database.sql.query('select commitcast.create_segments(2)'),
  ]
  const loops = acts.map(async (act, which) => {
    for (; !stopped; await new Promise((resolve) => setTimeout(resolve, 5))) {
      await act()
      rounds[which]!++
    }
  })
  const stop = async () => {
    stopped = true
    await Promise.all(loops)
  }
  return {
    appended: () => rounds[0]!,
    /** Waits until all three have got on. */
    async goesOn() {
      const before = [...rounds]
      await eventually(() => {
        for (const [which, count] of before.entries()) expect(rounds[which]).toBeGreaterThan(count + 10)
      })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
