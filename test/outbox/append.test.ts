import { defineEvents, InvalidEvent } from '@commitcast/events'
import { createAppend, migrate } from '@commitcast/outbox'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({
  'order.placed': { data: z.object({ total: z.number() }) },
  'order.shipped': { data: z.object({ at: z.date() }) },
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
    expect(Math.abs(row!.at - row!.now)).toBeLessThan(1_000)
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
    await expect(append(database.db, { type: 'order.placed', key: 'a', data: { total: 1 } })).rejects.toBeInstanceOf(
      InvalidEvent,
    )
    expect(await database.sql.query('select key from commitcast.outbox')).toEqual([{ key: 'still fine' }])
  })

  test('the outbox refuses to be changed, also leaf by leaf', async () => {
    await using database = await freshDatabase()
    await database.sql.query(`select commitcast.append('a', 'k', '1')`)
    const [leaf] = await database.sql.query<{ name: string }>(
      'select tableoid::regclass::text as name from commitcast.outbox',
    )
    for (const table of ['commitcast.outbox', leaf!.name]) {
      await expect(database.sql.query(`update ${table} set key = 'x'`)).rejects.toThrow(/append-only/)
      await expect(database.sql.query(`delete from ${table}`)).rejects.toThrow(/append-only/)
      await expect(database.sql.query(`truncate ${table}`)).rejects.toThrow(/append-only/)
    }
  })

  test('migrating again, and at the same time, changes nothing', async () => {
    await using database = await freshDatabase({ schema: 'other_app', partitions: 3 })
    await Promise.all([1, 2, 3].map(() => migrate(database.sql, { schema: 'other_app', partitions: 3 })))
    const versions = await database.sql.query<{ version: number }>('select version from other_app.migration order by 1')
    expect(versions.map((row) => row.version)).toEqual(versions.map((_, index) => index + 1))
    expect(await database.sql.query('select epoch, partitions from other_app.topic')).toEqual([
      { epoch: 1, partitions: 3 },
    ])
  })
})
