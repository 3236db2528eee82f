import { givePages, readPages } from '@commitcast/outbox'
import { createLeases } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const group = { schema: 'commitcast', group: 'relay' }

test('a lease is not taken over while its owner is committing a page, so the next owner finds that page', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const first = createLeases({ sql: database.sql, ...group, owner: 'first', ttlMs: 30 })
  const second = createLeases({ sql: database.sql, ...group, owner: 'second' })
  const [lease] = await first.renew()
  await database.sql.query(`select commitcast.append('a', 'k', '1')`)
  const client = await database.pool.connect()
  const inTransaction = {
    query: async (text: string, values?: readonly unknown[]) => (await client.query(text, [...(values ?? [])])).rows,
  }
  await client.query('begin')
  expect(
    await givePages(inTransaction as typeof database.sql, { schema: 'commitcast', leases: [lease!], maxPage: 10 }),
  ).toHaveLength(1)
  await eventually(async () => {
    const [row] = await database.sql.query<{ over: boolean }>(
      'select expires_at < clock_timestamp() as over from commitcast.lease',
    )
    expect(row?.over).toBe(true)
  })
  expect(await second.renew()).toEqual([])
  await client.query('commit')
  client.release()
  expect(await second.renew()).toEqual([{ partition: 0, term: 2n }])
  expect(await readPages(database.sql, { schema: 'commitcast', epoch: 1, partition: 0, after: 0 })).toHaveLength(1)
})

test('a lease of an older term gives nothing', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const first = createLeases({ sql: database.sql, ...group, owner: 'first' })
  const [lease] = await first.renew()
  await first.release()
  await createLeases({ sql: database.sql, ...group, owner: 'second' }).renew()
  await database.sql.query(`select commitcast.append('a', 'k', '1')`)
  expect(await givePages(database.sql, { schema: 'commitcast', leases: [lease!], maxPage: 10 })).toEqual([])
})

test('workers share fairly, come and go, and no partition has two owners', async () => {
  await using database = await freshDatabase({ partitions: 8 })
  const [a, b, c] = ['a', 'b', 'c'].map((owner) => createLeases({ sql: database.sql, ...group, owner }))
  const renewAll = async () => {
    const held = []
    for (const leases of [a!, b!, c!]) held.push((await leases.renew()).map((lease) => lease.partition))
    return held
  }
  expect((await a!.renew()).length).toBe(8)
  for (let round = 0; round < 4; round++) await renewAll()
  const shared = await renewAll()
  expect(shared.map((own) => own.length).sort()).toEqual([2, 3, 3])
  expect(shared.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  await c!.release()
  const left = [await a!.renew(), await b!.renew()]
  expect(left.flat()).toHaveLength(8)
})
