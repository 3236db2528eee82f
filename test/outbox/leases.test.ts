import { readFileSync } from 'node:fs'
import { assignOffsets, readPages } from '@commitcast/outbox'
import { createLeases, createRenewals, type Sql } from '@commitcast/worker'
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
    await assignOffsets(inTransaction as typeof database.sql, { schema: 'commitcast', leases: [lease!], maxPage: 10 }),
  ).toHaveLength(1)
  await eventually(async () =>
    expect(await database.sql.query(`select from commitcast.active_members('relay', 1)`)).toEqual([]),
  )
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
  expect(await assignOffsets(database.sql, { schema: 'commitcast', leases: [lease!], maxPage: 10 })).toEqual([])
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

test('many workers that renew at the same time never hold one partition at the same term', async () => {
  await using database = await freshDatabase({ partitions: 8 })
  const workers = Array.from({ length: 6 }, (_, n) => createLeases({ sql: database.sql, ...group, owner: `w${n}` }))
  const holders = new Map<string, number>()
  for (let round = 0; round < 30; round++) {
    const held = await Promise.all(workers.map((worker) => worker.renew()))
    for (const [worker, leases] of held.entries()) {
      for (const { partition, term } of leases) {
        const holder = holders.get(`${partition}/${term}`) ?? worker
        expect(holder, `partition ${partition}, term ${term}`).toBe(worker)
        holders.set(`${partition}/${term}`, holder)
      }
    }
    if (round % 5 === 4) await workers[((round / 5) % 6) | 0]!.release()
  }
})

test('the partitions of a worker that died as the server’s clock went back an hour are taken over after one time to live', async () => {
  await using database = await freshDatabase({ partitions: 4 })
  const ttlMs = 400
  const [dead, other] = ['dead', 'other'].map((owner) => createLeases({ sql: database.sql, ...group, owner, ttlMs }))
  await dead!.renew()
  await database.sql.query(
    `update commitcast.member set seen_at = seen_at + interval '1 hour';
     update commitcast.lease set expires_at = expires_at + interval '1 hour'`,
  )
  // At first it may be alive, and renew by the new clock.
  expect(await other!.renew()).toEqual([])
  await eventually(async () => expect(await other!.renew()).toHaveLength(4), 10_000)
})

test('a worker that renews after the server’s clock went back keeps its partitions and terms', async () => {
  await using database = await freshDatabase({ partitions: 2 })
  const [first, second] = ['first', 'second'].map((owner) => createLeases({ sql: database.sql, ...group, owner }))
  for (let round = 0; round < 3; round++) for (const worker of [first!, second!]) await worker.renew()
  const before = [await first!.renew(), await second!.renew()]
  expect(before.map((held) => held.length)).toEqual([1, 1])
  await database.sql.query(
    `update commitcast.member set seen_at = seen_at + interval '1 hour';
     update commitcast.lease set expires_at = expires_at + interval '1 hour'`,
  )
  expect([await first!.renew(), await second!.renew()]).toEqual(before)
})

test.each([
  ['of this boot and namespace', (owner: string) => owner, 4],
  // Two hosts whose containers or system images have one name, and whose first namespaces have one number.
  ['of another host with this name', (owner: string) => owner.replace(/:[0-9a-f]{8}\//, ':00000000/'), 0],
])('a process %s that is not there counts as gone only where it could be seen', async (_, place, taken) => {
  await using database = await freshDatabase({ partitions: 4 })
  const own = createLeases({ sql: database.sql, ...group })
  const missing = place(own.owner).replace(/\/\d+\/\d+\/\d+$/, '/4194305/1/1')
  const other = createLeases({ sql: database.sql, ...group, owner: missing })
  expect(await other.renew()).toHaveLength(4)
  expect(await own.renew()).toHaveLength(taken)
})

test('the groups of a process renew with one statement, which writes one row for each', async () => {
  await using database = await freshDatabase({ partitions: 8 })
  let statements = 0
  const sql: Sql = {
    query(text, values) {
      statements++
      return database.sql.query(text, values)
    },
  }
  const renewals = createRenewals(sql, 'commitcast')
  const groups = Array.from({ length: 10 }, (_, n) =>
    createLeases({ sql, schema: 'commitcast', group: `group-${n}`, renewals }),
  )
  const renewAll = () => Promise.all(groups.map((leases) => leases.renew()))
  const rows = async () =>
    database.sql.query<{ row: string }>(
      `select group_name || partition || ctid::text as row from commitcast.lease order by 1`,
    )
  const held = await renewAll()
  const before = await rows()
  statements = 0
  expect(await renewAll()).toEqual(held)
  expect(held.map((leases) => leases.length)).toEqual(groups.map(() => 8))
  expect(statements).toBe(1)
  expect(await rows()).toEqual(before)
  const signal = new AbortController().signal
  await Promise.all(
    groups.map(async (leases) => {
      await leases.nextRenewal(signal)
      await leases.renew()
    }),
  )
  expect(statements).toBe(2)
})

test('processes with many groups renew side by side, also where they clear away each other’s rows: no deadlock costs a renewal', async () => {
  await using database = await freshDatabase({ partitions: 4 })
  const names = Array.from({ length: 6 }, (_, n) => `group-${n}`)
  // So short that some lapse, and their rows are deleted while their owners come back.
  const processes = Array.from({ length: 5 }, (_, process) => {
    const renewals = createRenewals(database.sql, 'commitcast')
    // In an order of its own.
    const order = [...names.slice(process), ...names.slice(0, process)]
    return order.map((name) =>
      createLeases({ sql: database.sql, schema: 'commitcast', group: name, owner: `p${process}`, ttlMs: 2, renewals }),
    )
  })
  const held = await Promise.all(
    processes.map(async (groups, process) => {
      const sizes: number[] = []
      for (let round = 0; round < 40; round++) {
        const found = await Promise.all(groups.map((leases) => leases.renew()))
        sizes.push(...found.map((leases) => leases.length))
        if (round % 10 === process) await groups[process]!.release()
      }
      return sizes
    }),
  )
  expect(Math.max(...held.flat())).toBeGreaterThan(0)
})

test('workers that look only at the end of a lease, and those of this release, share, hand over and take over', async () => {
  await using database = await freshDatabase({ partitions: 8 })
  const { sql } = database
  const statement = readFileSync(new URL('renewal-before-member-ttl.sql', import.meta.url), 'utf8')
  const ttlMs = 1_000
  const before = {
    async renew() {
      const rows = await sql.query<{ partition: number; term: string | null }>(statement, [
        ...['relay', 'before', ttlMs, []],
        ...[null, []],
      ])
      return rows.filter(({ term }) => term !== null).map(({ partition }) => partition)
    },
  }
  const own = createLeases({ sql, ...group, owner: 'own', ttlMs })
  const numbers = async () => (await own.renew()).map(({ partition }) => partition)

  expect(await numbers()).toHaveLength(8)
  await before.renew()
  expect(await numbers()).toHaveLength(4)
  expect(await before.renew()).toHaveLength(4)
  for (let round = 0; round < 3; round++)
    expect([...(await numbers()), ...(await before.renew())].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  // The one before ends without a word.
  await eventually(async () => expect(await numbers()).toHaveLength(8))
  await before.renew()
  await numbers()
  await own.release()
  expect(await before.renew()).toHaveLength(8)
})
