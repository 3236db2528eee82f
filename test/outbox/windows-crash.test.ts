import { assignOffsets } from '@commitcast/outbox'
import { flushWal } from '@commitcast/worker'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { crash, lazyWal, ownPostgres } from '../fixtures/own-postgres.ts'
import { createRandom } from '../fixtures/random.ts'
import { expectWhole, givenAgain } from './check-log.ts'
import { crowdTables, startCrowd } from './crowd.ts'
import { giveAll, leasesOf, schema } from './old-days.ts'

/** `ROUNDS` in the environment tries more by hand. */
const rounds = Number(process.env.ROUNDS ?? 3)

test(`Postgres crashes ${rounds} times under commits that do not wait for the disk: what was given stays given, the rest of what is left follows`, async () => {
  const random = createRandom()
  const context = `SEED=${random.seed}`
  await using database = await ownPostgres({ partitions: 3 }, lazyWal)
  await database.sql.query(crowdTables)
  await database.sql.query('checkpoint')
  for (let round = 1; round <= rounds; round++) {
    const leases = await leasesOf(database)
    const crowd = startCrowd({ pool: database.pool, random, leases })
    await eventually(() => expect(crowd.pages.length).toBeGreaterThan(random.int(50, 150)))
    await crash(database.server)
    await crowd.stop()
    await database.server.restart()
    await givenAgain(database.sql, crowd.pages, `${context}, round ${round}`)
    if (random.chance(0.5)) await giveAll(database, 7)
  }
  await giveAll(database, 100)
  await expectWhole(database.sql, { partitions: 3, context })
}, 240_000)

test('an event that vanished in a crash is never given, and the one that gets its transaction’s id is', async () => {
  await using database = await ownPostgres({ partitions: 1 }, lazyWal)
  const { sql } = database
  const append = async (name: string) => {
    await sql.query(`select commitcast.append($1, 'k', '0')`, [name])
    const [row] = await sql.query<{ tx: string }>('select tx::text from commitcast.outbox where type = $1', [name])
    return row!.tx
  }
  const types = async () => (await sql.query<{ type: string }>('select type from commitcast.outbox')).map((r) => r.type)
  const leases = await leasesOf(database)
  await append('flushed')
  expect(await giveAll(database, 10)).toHaveLength(1)
  const vanished = await append('vanished')
  expect(await types()).toEqual(['flushed', 'vanished'])
  await crash(database.server)
  await database.server.restart()
  expect(await types()).toEqual(['flushed'])
  let tx = 0n
  for (let n = 0; tx < BigInt(vanished); n++) tx = BigInt(await append(`again${n}`))
  expect(tx).toBe(BigInt(vanished))
  const given = await assignOffsets(sql, { schema, leases, maxPage: 1_000 })
  const names = given.flatMap((page) => page.messages)
  expect(names.map((message) => message.type)).toEqual((await types()).slice(1))
  expect(names.at(-1)?.tx).toBe(vanished)
})

test('a page that was given is on the disk with its events, whatever the database’s default', async () => {
  await using database = await ownPostgres({ partitions: 1 }, lazyWal)
  const leases = await leasesOf(database)
  await database.sql.query(`select commitcast.append('a', 'k', '0')`)
  const [page] = await assignOffsets(database.sql, { schema, leases, maxPage: 10 })
  await crash(database.server)
  await database.server.restart()
  expect(page?.messages).toHaveLength(1)
  await givenAgain(database.sql, [page!], 'after the crash')
  expect(await database.sql.query('select from commitcast.outbox')).toHaveLength(1)
})

test('after a flush everything that was visible before it survives a crash', async () => {
  await using database = await ownPostgres({ partitions: 1 }, lazyWal)
  await database.sql.query(`select commitcast.append('a', 'k', '0')`)
  await flushWal(database.sql)
  await database.sql.query(`select commitcast.append('b', 'k', '0')`)
  await crash(database.server)
  await database.server.restart()
  expect(await database.sql.query('select type from commitcast.outbox')).toEqual([{ type: 'a' }])
})
