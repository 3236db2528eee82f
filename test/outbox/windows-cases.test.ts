import { assignOffsets, readPages } from '@commitcast/outbox'
import type { Lease } from '@commitcast/worker'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { begin, type Database, elsewhere, giveAll, leasesOf, onClient, schema } from './old-days.ts'

const append = (name: string) => `select commitcast.append('${name}', 'k', '0')`

/** The types of the events in the order of their offsets, by the page log. */
async function log(database: Database): Promise<readonly string[]> {
  const pages = await readPages(database.sql, { schema, epoch: 1, partition: 0, after: 0, maxPages: 1_000 })
  return pages.flatMap((page) => page.messages).map((message) => message.type)
}

describe('one key, two transactions', () => {
  test.each(['read committed', 'repeatable read'])(
    'whose ids are the other way round than their commits: the order is that of the commits (%s)',
    async (isolation) => {
      await using database = await freshDatabase({ partitions: 1 })
      await using low = await begin(database, isolation, 'select pg_current_xact_id()')
      await using high = await begin(database, isolation, append('first'))
      await giveAll(database, 10)
      await high.commit()
      await low.client.query(append('second'))
      await giveAll(database, 10)
      await low.commit()
      await giveAll(database, 10)
      expect(await log(database)).toEqual(['first', 'second'])
    },
  )

  test('of which the one with the lower id waits in the middle of its statement for the other to commit', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    await database.sql.query('create table thing as select 1 as n')
    await using low = await begin(database, '', 'select pg_current_xact_id()')
    await using high = await begin(database, '', 'update thing set n = n + 1')
    const waiting = low.client.query(`update thing set n = n + 1 returning commitcast.append('second', 'k', '0')`)
    await isWaiting(database, 'update thing')
    await high.client.query(append('first'))
    await giveAll(database, 10)
    await high.commit()
    await waiting
    await giveAll(database, 10)
    await low.commit()
    await giveAll(database, 10)
    expect(await log(database)).toEqual(['first', 'second'])
  })
})

describe('what others do in the cluster delays nobody else’s events', () => {
  test('a long transaction in another database', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    await using _long = await elsewhere('select pg_current_xact_id()')
    await database.sql.query(append('now'))
    await giveAll(database, 10)
    expect(await log(database)).toEqual(['now'])
  })

  test('an idle repeatable read transaction, whose own event comes when it commits', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    await using idle = await begin(database, 'repeatable read', append('late'))
    await database.sql.query(append('now'))
    await giveAll(database, 10)
    expect(await log(database)).toEqual(['now'])
    await idle.commit()
    await giveAll(database, 10)
    expect(await log(database)).toEqual(['now', 'late'])
  })

  test('a prepared transaction, whose own event comes when it is decided', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const name = crypto.randomUUID()
    await database.sql.query(
      `begin; set local commitcast.notify = off; ${append('late')}; prepare transaction '${name}'`,
    )
    await database.sql.query(append('now'))
    await giveAll(database, 10)
    expect(await log(database)).toEqual(['now'])
    await database.sql.query(`commit prepared '${name}'`)
    await giveAll(database, 10)
    expect(await log(database)).toEqual(['now', 'late'])
  })
})

describe('two relays that both believe they own a partition', () => {
  test.each([
    ['commits: the other gets a unique violation, and what comes next after that', 'commit'],
    ['fails: the other gives the page', 'rollback'],
  ])('and the first %s', async (_, end) => {
    await using database = await freshDatabase({ partitions: 1 })
    const leases = await leasesOf(database)
    await database.sql.query(append('first'))
    await using one = await begin(database, '', 'select 1')
    expect(await give(one.client, leases)).toEqual(['first'])
    const other = giveAndTell(database, leases)
    await isWaiting(database, 'select . from commitcast.assign_offsets')
    await one.client.query(end)
    expect(await other).toEqual(end === 'commit' ? '23505' : ['first'])
    await database.sql.query(append('second'))
    expect(await giveAndTell(database, leases)).toEqual(['second'])
    expect(await log(database)).toEqual(['first', 'second'])
  })
})

describe('a page whose giver never heard of it', () => {
  test('is not given again by one who asks again blindly, and not lost', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const leases = await leasesOf(database)
    for (const name of ['first', 'second', 'third']) await database.sql.query(append(name))
    await assignOffsets(database.sql, { schema, leases, maxPage: 2 })
    const pages = await assignOffsets(database.sql, { schema, leases, maxPage: 2 })
    expect(pages).toMatchObject([{ firstOffset: 3, messages: [{ offset: 3, type: 'third' }] }])
    expect(await log(database)).toEqual(['first', 'second', 'third'])
  })

  test('was not there where its backend was killed before the commit', async () => {
    await using database = await freshDatabase({ partitions: 1 })
    const leases = await leasesOf(database)
    await database.sql.query(append('first'))
    await using one = await begin(database, '', 'select 1')
    expect(await give(one.client, leases)).toEqual(['first'])
    const pid = (await one.client.query('select pg_backend_pid() as pid')).rows[0].pid
    await database.sql.query('select pg_terminate_backend($1, 10000)', [pid])
    expect(await log(database)).toEqual([])
    expect(await giveAndTell(database, leases)).toEqual(['first'])
  })
})

test('callers with other page sizes go on inside each other’s windows', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const leases = await leasesOf(database)
  const names = Array.from({ length: 20 }, (_, n) => `n${n}`)
  for (const name of names) await database.sql.query(append(name))
  const sizes: number[] = []
  for (const maxPage of [3, 1, 7, 2, 5, 100]) {
    const [page] = await assignOffsets(database.sql, { schema, leases, maxPage })
    sizes.push(page?.messages.length ?? 0)
  }
  expect(sizes).toEqual([3, 1, 7, 2, 5, 2])
  expect(await log(database)).toEqual(names)
})

function isWaiting({ sql }: Database, statement: string): Promise<void> {
  return eventually(async () => {
    const rows = await sql.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ~ $1`,
      [statement],
    )
    expect(rows).toHaveLength(1)
  })
}

async function give(client: pg.PoolClient, leases: readonly Lease[]): Promise<readonly string[]> {
  const pages = await assignOffsets(onClient(client), { schema, leases, maxPage: 10 })
  return pages.flatMap((page) => page.messages).map((message) => message.type)
}

/** The types of what it gave, or the code of its failure. */
async function giveAndTell({ sql }: Database, leases: readonly Lease[]): Promise<readonly string[] | string> {
  try {
    const pages = await assignOffsets(sql, { schema, leases, maxPage: 10 })
    return pages.flatMap((page) => page.messages).map((message) => message.type)
  } catch (error) {
    return (error as { code: string }).code
  }
}
