import { defineEvents } from '@commitcast/events'
import { createAppend, migrate, NotInTransaction } from '@commitcast/outbox'
import { sql } from 'kysely'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({
  'order.placed': { data: z.object({ total: z.number() }) },
  'order.shipped': { data: z.object({ at: z.date() }) },
  'order.noted': { data: z.object({ note: z.string(), dates: z.array(z.date()) }).partial() },
  'order.filed': { data: z.unknown() },
})
const append = createAppend(events)

describe('append', () => {
  test('a committed transaction leaves its events, a rolled-back one leaves nothing', async () => {
    await using database = await freshDatabase()
    await database.db.transaction().execute((trx) =>
      append(trx, [
        { type: 'order.placed', key: 'a', data: { total: 1 } },
        { type: 'order.shipped', key: 'a', data: { at: new Date(0) } },
      ]),
    )
    await database.db
      .transaction()
      .execute(async (trx) => {
        await append(trx, { type: 'order.placed', key: 'b', data: { total: 2 } })
        throw new Error('changed my mind')
      })
      .catch(() => {})
    const rows = await database.sql.query('select type, key, data, headers from commitcast.outbox order by position')
    expect(rows).toEqual([
      { type: 'order.placed', key: 'a', data: { total: 1 }, headers: {} },
      {
        type: 'order.shipped',
        key: 'a',
        data: { at: '1970-01-01T00:00:00.000Z' },
        headers: { notes: '{"values":{"at":["Date"]},"v":1}' },
      },
    ])
  })

  test('works with a pg client in a transaction of its own', async () => {
    await using database = await freshDatabase()
    const client = await database.pool.connect()
    await client.query('begin')
    await append(client, { type: 'order.placed', key: 'a', data: { total: 1 } })
    await client.query('commit')
    client.release()
    expect(await database.sql.query('select 1 from commitcast.outbox')).toHaveLength(1)
  })

  test('anybody can append by the SQL function', async () => {
    await using database = await freshDatabase()
    await database.sql.query(`select commitcast.append('order.placed', 'k', '{"total": 3}')`)
    const [row] = await database.sql.query<{ id: string; at: number; now: number }>(
      `select id::text, ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint::float8 as at,
        extract(epoch from occurred_at)::float8 * 1000 as now from commitcast.outbox`,
    )
    expect(row?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Math.abs(row!.at - row!.now)).toBeLessThan(60_000)
  })

  test('refuses an unknown type, wrong data, a bad key and a call outside a transaction, and says how to mend it', async () => {
    await using database = await freshDatabase()
    const refused = database.db.transaction().execute(async (trx) => {
      // @ts-expect-error -- not in the catalogue
      await expect(append(trx, { type: 'order.lost', key: 'a', data: {} })).rejects.toThrow(/"order.lost" is not in/)
      // @ts-expect-error -- a text is no total
      await expect(append(trx, { type: 'order.placed', key: 'a', data: { total: 'x' } })).rejects.toThrow(/data.total/)
      await expect(append(trx, { type: 'order.placed', key: '', data: { total: 1 } })).rejects.toThrow(/1 to 500/)
      await append(trx, { type: 'order.placed', key: 'still fine', data: { total: 1 } })
    })
    await refused
    // @ts-expect-error an instance of Kysely is no transaction
    await expect(append(database.db, { type: 'order.placed', key: 'a', data: { total: 1 } })).rejects.toBeInstanceOf(
      NotInTransaction,
    )
    expect(await database.sql.query('select key from commitcast.outbox')).toEqual([{ key: 'still fine' }])
  })

  test('refuses, before anything is sent, what the database could not keep, and the transaction continues', async () => {
    await using database = await freshDatabase()
    const small = createAppend(events, { maxEventBytes: 1_000 })
    await using counted = await countStatements(database)
    const { client } = counted
    await client.query('begin')
    for (const [event, why] of [
      [{ note: 'x'.repeat(1_001) }, /takes 1012 bytes, at most 1000 are taken \(maxEventBytes\)/],
      // Its bytes count, not its characters.
      [{ note: 'ü'.repeat(500) }, /takes 1011 bytes/],
      [{ note: 'a\0b' }, /holds a NUL character or half of a surrogate pair/],
      [{ note: '\ud800' }, /holds a NUL character or half of a surrogate pair/],
    ] as const)
      await expect(small(client, { type: 'order.noted', key: 'a', data: event })).rejects.toThrow(why)
    const dates = Array.from({ length: 2_000 }, () => new Date(0))
    await expect(append(client, { type: 'order.noted', key: 'a', data: { dates } })).rejects.toThrow(
      /The headers of "order.noted" .* put fewer dates, maps and the like in its data/,
    )
    const headers = { actor: 'x'.repeat(16_384) }
    await expect(append(client, { type: 'order.noted', key: 'a', data: {}, headers })).rejects.toThrow(
      /The headers of "order.noted" with key "a" take \d+ bytes, at most 16384 are taken/,
    )
    await expect(append(client, { type: 'order.noted', key: 'a', data: {}, id: 'none' })).rejects.toThrow(/a UUID/)
    await expect(append(client, { type: 'order.noted', key: 'a', data: { note: 1 as never } })).rejects.toThrow(/note/)
    expect(counted.statements()).toEqual(['begin'])
    const note = '\\u0000 \\ud800 \\\\ ü 😀'
    await small(client, { type: 'order.noted', key: 'a', data: { note } })
    await small(client, { type: 'order.noted', key: 'a', data: { note: 'x'.repeat(1_000 - '{"note":""}'.length) } })
    await client.query('commit')
    const [row] = await database.sql.query<{ data: unknown }>('select data from commitcast.outbox order by position')
    expect(row?.data).toEqual({ note })
  })

  test('refuses what would not be read back unchanged, with its place and what to do, and the transaction continues', async () => {
    await using database = await freshDatabase()
    await using counted = await countStatements(database)
    const { client } = counted
    await client.query('begin')
    for (const [data, why] of [
      [
        { lines: [{ photo: Buffer.from('x') }] },
        /"order.filed" can't be kept: data\.lines\[0\]\.photo is a Buffer.*base64/,
      ],
      [{ total: new (class Money {})() }, /data\.total is a Money/],
      [new Date(Number.NaN), /data is an invalid Date/],
      [{ constructor: 'ACME' }, /data is an object with the key "constructor"/],
      [{ names: ['ok', 'a\0b'] }, /half of a surrogate pair in data\.names\[1\],/],
      [{ 'a\ud800': 1 }, /half of a surrogate pair in data\["a\\ud800"\],/],
    ] as const) {
      const refused = append(client, { type: 'order.filed', key: 'a', data })
      await expect(refused).rejects.toThrow(why)
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_EVENT' })
    }
    const headers = { actor: 7 as unknown as string }
    await expect(append(client, { type: 'order.filed', key: 'a', data: 1, headers })).rejects.toThrow(
      /"actor".*a number/,
    )
    await expect(
      append(client, { type: 'order.filed', key: 'a', data: 1, headers: { note: 'x' } as object }),
    ).rejects.toThrow(/the header "note", which no reader gets/)
    expect(counted.statements()).toEqual(['begin'])
    await append(client, { type: 'order.filed', key: 'a', data: { photo: new Uint8Array([1]), at: new Date(0) } })
    await client.query('commit')
  })

  test('an id of its own comes back in lower case, from append and from the outbox', async () => {
    await using database = await freshDatabase()
    const id = '0190B7A5-0000-7000-8000-00000000000A'
    const ids = await database.db
      .transaction()
      .execute((trx) => append(trx, { type: 'order.placed', key: 'a', data: { total: 1 }, id }))
    expect(ids).toEqual([id.toLowerCase()])
    expect(await database.sql.query('select id from commitcast.outbox')).toEqual([{ id: ids[0] }])
  })

  test('the database refuses what is larger than it was made for, whoever sends it', async () => {
    await using database = await freshDatabase({ maxEventBytes: 1_000 })
    const large = JSON.stringify('x'.repeat(1_000))
    await expect(database.sql.query(`select commitcast.append('a', 'k', $1)`, [large])).rejects.toThrow(
      /takes 1002 bytes, at most 1000/,
    )
    expect(await database.sql.query('select from commitcast.outbox')).toEqual([])
  })

  test.each([
    ['headers that are no object', '1', '[1]', /The headers of 'a' are array: they have to be a JSON object/],
    ['a version that is none', '1', '{"version":"v2"}', /header "version" of 'a' is 'v2'/],
    ['type notes that are none', '1', '{"notes":"gift wrap"}', /header "notes" of 'a' is 'gift wrap'/],
    ['half of a surrogate pair in a header', '1', '{"actor":"\\ud83d"}', /NUL character or half of a surrogate pair/],
    ['a NUL in the data', '{"a":"\\u0000"}', '{}', /NUL character or half of a surrogate pair/],
    ['a key that readers refuse', '{"a":{"constructor" : 1}}', '{}', /has the key "constructor"/],
  ])('the database refuses %s', async (_, data, headers, why) => {
    await using database = await freshDatabase()
    const append = () => database.sql.query(`select commitcast.append('a', 'k', $1, $2)`, [data, headers])
    await expect(append()).rejects.toThrow(why)
    expect(await database.sql.query('select from commitcast.outbox')).toEqual([])
  })

  test('the database takes what only looks like it', async () => {
    await using database = await freshDatabase()
    const data = ['"constructor"', '{"a":"\\"constructor\\": 1"}', '"\\ud83d\\ude00"', '{"a":"\\\\u0000"}', '1e400']
    for (const each of data) await database.sql.query(`select commitcast.append('a', 'k', $1)`, [each])
    await database.sql.query(`select commitcast.append('a', 'k', 'null', '{"version":2,"notes":null,"own":"\\u00e9"}')`)
    expect(await database.sql.query('select from commitcast.outbox')).toHaveLength(data.length + 1)
  })

  test('is refused on a pool and on a client without BEGIN, which would commit the event on its own', async () => {
    await using database = await freshDatabase()
    const event = { type: 'order.placed', key: 'a', data: { total: 1 } } as const
    // @ts-expect-error a pool is no transaction
    await expect(append(database.pool, event)).rejects.toThrow(/outside a transaction.*BEGIN was sent on, not the pool/)
    await using counted = await countStatements(database)
    await expect(append(counted.client, event)).rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
    expect(counted.statements()).toEqual([])
    expect(await database.sql.query('select from commitcast.outbox')).toEqual([])
  })

  test.each([1, 2, 500])('takes one statement for %i events', async (count) => {
    await using database = await freshDatabase()
    await using counted = await countStatements(database)
    await counted.client.query('begin')
    const list = Array.from(
      { length: count },
      (_, n) => ({ type: 'order.placed', key: 'a', data: { total: n } }) as const,
    )
    const ids = await append(counted.client, list)
    await counted.client.query('commit')
    expect(counted.statements()).toEqual(['begin', expect.stringMatching(/commitcast.append(_all)?\(/), 'commit'])
    const rows = await database.sql.query<{ id: string }>('select id from commitcast.outbox order by position')
    expect(rows.map((row) => row.id)).toEqual(ids)
  })

  test('a savepoint that is rolled back takes its events with it, and no others', async () => {
    await using database = await freshDatabase()
    const placed = (key: string) => ({ type: 'order.placed', key, data: { total: 1 } }) as const
    await database.db.transaction().execute(async (trx) => {
      await append(trx, placed('before'))
      await sql`savepoint here`.execute(trx)
      await append(trx, placed('inside'))
      await sql`rollback to savepoint here`.execute(trx)
      await append(trx, placed('after'))
    })
    const rows = await database.sql.query('select key from commitcast.outbox order by position')
    expect(rows).toEqual([{ key: 'before' }, { key: 'after' }])
  })

  test('the outbox refuses to be changed, also segment by segment', async () => {
    await using database = await freshDatabase()
    await database.sql.query(`select commitcast.append('a', 'k', '1')`)
    const [segment] = await database.sql.query<{ name: string }>(
      'select tableoid::regclass::text as name from commitcast.outbox',
    )
    for (const table of ['commitcast.outbox', segment!.name]) {
      await expect(database.sql.query(`update ${table} set key = 'x'`)).rejects.toThrow(/append-only/)
      await expect(database.sql.query(`delete from ${table}`)).rejects.toThrow(/append-only/)
      await expect(database.sql.query(`truncate ${table}`)).rejects.toThrow(/append-only/)
    }
  })

  test('migrating again, and at the same time, changes nothing', async () => {
    await using database = await freshDatabase({ schema: 'other_app', partitions: 3 })
    await Promise.all([1, 2, 3].map(() => migrate(database.sql, { schema: 'other_app', partitions: 3 })))
    const versions = await database.sql.query<{ version: number }>('select version from other_app.migration order by 1')
    expect(versions.slice(0, 7).map((row) => row.version)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await database.sql.query('select epoch, partitions from other_app.topic')).toEqual([
      { epoch: 1, partitions: 3 },
    ])
  })
})

/** A client of the pool, and what was sent on it. */
async function countStatements({ pool }: { readonly pool: pg.Pool }) {
  const client = await pool.connect()
  const sent: string[] = []
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  client.query = ((text: string, ...rest: unknown[]) => {
    sent.push(text)
    return query(text, ...rest)
  }) as typeof client.query
  return { client, statements: () => sent, [Symbol.asyncDispose]: async () => client.release(true) }
}
