import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { defineEvents, InvalidEvent } from '@commitcast/events'
import { createAppend, createAppendSql, createOnce } from '@commitcast/outbox'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import postgres from 'postgres'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import * as withDrizzle from '../snippets/append-with-drizzle.ts'
import * as withPg from '../snippets/append-with-pg.ts'
import * as withPostgresJs from '../snippets/append-with-postgres-js.ts'

type Database = Awaited<ReturnType<typeof freshDatabase>>

/** Each library runs the guide's own code. */
const libraries = {
  async pg(database: Database, id: string) {
    const client = await database.pool.connect()
    await withPg.deliver(client, id).finally(() => client.release())
  },
  async drizzle(database: Database, id: string) {
    await withDrizzle.deliver(drizzle(database.pool), id)
  },
  async 'postgres.js'(database: Database, id: string) {
    const sql = postgres(database.url, { max: 1 })
    await withPostgresJs.deliver(sql, id).finally(() => sql.end())
  },
}

describe.each(Object.entries(libraries))('with %s, as the guide shows it,', (_, deliver) => {
  test('a committed transaction leaves its event', async () => {
    await using database = await shop()
    await deliver(database, 'order-42')
    expect(await ordersOf(database)).toEqual([{ id: 'order-42', status: 'delivered' }])
    expect(await eventsOf(database)).toEqual([delivered])
  })

  test('a rolled-back transaction leaves none', async () => {
    await using database = await shop()
    await refuseCommits(database)
    await expect(deliver(database, 'order-42')).rejects.toSatisfy(says('changed my mind'))
    expect(await ordersOf(database)).toEqual([{ id: 'order-42', status: 'placed' }])
    expect(await eventsOf(database)).toEqual([])
  })
})

describe('appendSql', () => {
  const appendSql = createAppendSql(
    defineEvents({
      'order.placed': { data: z.object({ total: z.number() }) },
      'order.shipped': { data: z.object({ at: z.date() }) },
    }),
  )

  test('makes one statement of many events, which returns their ids in order', async () => {
    await using database = await freshDatabase()
    const events = Array.from(
      { length: 50 },
      (_, n) => ({ type: 'order.placed', key: 'a', data: { total: n } }) as const,
    )
    const { text, values, ids } = await appendSql([
      ...events,
      { type: 'order.shipped', key: 'it\'s "$1" \\ ü', data: { at: new Date(0) }, headers: { actor: 'ada' } },
    ])
    expect(await database.sql.query(text, values)).toEqual(ids.map((id) => ({ id })))
    const rows = await database.sql.query('select id, key, data, headers from commitcast.outbox order by position')
    expect(rows).toEqual([
      ...events.map(({ key, data }, n) => ({ id: ids[n], key, data, headers: {} })),
      {
        id: ids.at(-1),
        key: 'it\'s "$1" \\ ü',
        data: { at: '1970-01-01T00:00:00.000Z' },
        headers: { actor: 'ada', notes: '{"values":{"at":["Date"]},"v":1}' },
      },
    ])
  })

  test('of no events makes a statement that appends nothing', async () => {
    await using database = await freshDatabase()
    const { text, values } = await appendSql([])
    expect(await database.sql.query(text, values)).toEqual([])
    expect(await eventsOf(database)).toEqual([])
  })

  test('refuses what append refuses, before there is a statement', async () => {
    // @ts-expect-error -- a text is no total
    await expect(appendSql({ type: 'order.placed', key: 'a', data: { total: 'x' } })).rejects.toThrow(/data.total/)
    // @ts-expect-error -- not in the catalogue
    await expect(appendSql({ type: 'order.lost', key: 'a', data: {} })).rejects.toBeInstanceOf(InvalidEvent)
    await expect(appendSql({ type: 'order.placed', key: '', data: { total: 1 } })).rejects.toThrow(/1 to 500/)
    expect(() => createAppendSql(defineEvents({}), { schema: 'x"; drop' })).toThrow(/can't be used/)
  })

  test('is taken as it is by pg, by postgres.js without prepared statements, and by Drizzle on a client of ours', async () => {
    await using database = await freshDatabase()
    const one = { type: 'order.placed', key: 'a', data: { total: 1 } } as const
    await database.pool.query(await appendSql(one))
    const sql = postgres(database.url, { max: 1, prepare: false })
    const { text, values } = await appendSql(one)
    await sql.begin((tx) => tx.unsafe(text, values))
    await sql.end()
    const client = await database.pool.connect()
    const tx = drizzle(client)
    await tx.execute(drizzleSql`begin`)
    await client.query(await appendSql(one))
    await tx.execute(drizzleSql`commit`)
    client.release()
    expect(await eventsOf(database)).toHaveLength(3)
  })
})

describe('append and once', () => {
  test('refuse the transaction of Drizzle and of postgres.js: the error says to use appendSql', async () => {
    await using database = await freshDatabase()
    const append = createAppend(defineEvents({ 'order.placed': { data: z.object({ total: z.number() }) } }))
    const once = createOnce()
    const one = { type: 'order.placed', key: 'a', data: { total: 1 } } as const
    const sql = postgres(database.url, { max: 1 })
    const refuse = async (transaction: unknown) => {
      await expect(append(transaction as never, one)).rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
      await expect(append(transaction as never, one)).rejects.toThrow(/use appendSql/)
      await expect(once(transaction as never, { caller: 'ada', key: 'k' }, async () => 1)).rejects.toMatchObject({
        code: 'NOT_IN_TRANSACTION',
        message: expect.stringMatching(/once was given neither a Kysely transaction/),
      })
    }
    await drizzle(database.pool).transaction(refuse)
    await sql.begin(refuse)
    await refuse(sql)
    await refuse(undefined)
    await sql.end()
    expect(await eventsOf(database)).toEqual([])
  })
})

describe('the SQL function', () => {
  test('appends from an UPDATE, once for each row that was changed', async () => {
    await using database = await shop()
    await database.pool.query(snippet('append-in-an-update.sql'))
    await database.pool.query(snippet('append-in-an-update.sql').replace('order-42', 'nobody'))
    expect(await eventsOf(database)).toEqual([delivered])
  })

  test('appends from a trigger, whoever changes the row, and takes part in a rollback', async () => {
    await using database = await shop()
    await database.pool.query(snippet('append-in-a-trigger.sql'))
    await database.pool.query(`begin; update orders set status = 'delivered'; rollback`)
    expect(await eventsOf(database)).toEqual([])
    await database.pool.query(`update orders set status = 'delivered'`)
    await database.pool.query(`update orders set status = 'delivered'`)
    expect(await eventsOf(database)).toEqual([delivered])
  })

  test('runs once in an UPDATE that had to wait for the row, and twice in a SELECT … FOR UPDATE that had to', async () => {
    await using database = await shop()
    const append = `commitcast.append('order.moved', id, json_build_object('status', status))`
    await afterAWait(database, `update orders set status = status || '!' returning ${append}`)
    expect(await eventsOf(database)).toMatchObject([{ data: { status: 'changed!' } }])
    await afterAWait(database, `select ${append} from orders for update`)
    expect(await eventsOf(database)).toHaveLength(3)
  })

  test('needs no more rights than the guide says', async () => {
    await using database = await shop()
    const writer = `shop_writer_${randomUUID().slice(0, 8)}`
    const client = await database.pool.connect()
    try {
      await client.query(`create role ${writer}; grant select, update on orders to ${writer}`)
      await client.query(`set role ${writer}`)
      await expect(client.query(snippet('append-in-an-update.sql'))).rejects.toThrow(/permission denied/)
      await client.query('reset role')
      await client.query(snippet('rights-to-append.sql').replaceAll('shop_writer', writer))
      await client.query(`set role ${writer}`)
      await client.query(snippet('append-in-an-update.sql'))
      const appendSql = createAppendSql(defineEvents({ 'order.moved': { data: z.null() } }))
      await client.query(await appendSql({ type: 'order.moved', key: 'order-42', data: null }))
    } finally {
      await client.query('reset role')
      await client.query(`drop owned by ${writer}; drop role ${writer}`)
      client.release()
    }
    expect(await eventsOf(database)).toMatchObject([delivered, { type: 'order.moved', data: null }])
  })
})

const delivered = {
  type: 'order.delivered',
  key: 'order-42',
  data: { customerId: 'ada', bookId: 1 },
  headers: {},
}

/** The README's orders, one of them placed. */
async function shop(): Promise<Database> {
  const database = await freshDatabase()
  await database.pool.query(`
    create table orders (id text primary key, "customerId" text not null, "bookId" int not null, status text not null);
    insert into orders values ('order-42', 'ada', 1, 'placed')`)
  return database
}

/** From now on a transaction that changes orders goes well until it wants to commit. */
async function refuseCommits(database: Database): Promise<void> {
  await database.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'changed my mind'; end $$;
    create constraint trigger refuse after update on orders deferrable initially deferred
      for each row execute function refuse()`)
}

/** In an error, or in the one that it wraps. */
function says(words: string) {
  return (error: Error) => `${error} ${error.cause}`.includes(words)
}

/** Runs a statement that finds its row locked by a transaction which then changes the row. */
async function afterAWait(database: Database, statement: string): Promise<void> {
  const holder = await database.pool.connect()
  await holder.query(`begin; update orders set status = 'changed'`)
  const waiting = database.pool.query(statement)
  await eventually(async () => {
    const { rowCount } = await holder.query(
      `select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))`,
    )
    expect(rowCount).toBeGreaterThan(0)
  })
  await holder.query('commit')
  holder.release()
  await waiting
}

function ordersOf(database: Database) {
  return database.sql.query('select id, status from orders order by id')
}

function eventsOf(database: Database) {
  return database.sql.query('select type, key, data, headers from commitcast.outbox order by position')
}

function snippet(name: string): string {
  return readFileSync(new URL(`../snippets/${name}`, import.meta.url), 'utf8')
}
