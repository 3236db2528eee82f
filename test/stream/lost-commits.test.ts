import { listParked, sqlOf } from '@commitcast/outbox'
import { startRebuild } from '@commitcast/stream'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { crash, ownPostgres } from '../fixtures/own-postgres.ts'
import { openCounters, parkAtOnce } from './open-counters.ts'
import { openTotals, schema } from './open-totals.ts'

type Counters = Awaited<ReturnType<typeof openCounters>>

/** Commits that don't wait for the disk stay off it until a commit that waits. */
const slowWal = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' }

/** The same database by a role whose commits don't wait for the disk. */
function hasty(url: string) {
  return openDatabase(`${url}?options=${encodeURIComponent('-c synchronous_commit=off')}`)
}

/**
 * Crashes Postgres when `isDone`, starts it again, and has a relay compare what the broker holds. Says whether `count` was
 * less than before.
 */
async function loses({ on, counters, count, isDone }: Crashing): Promise<boolean> {
  await eventually(isDone)
  const before = await count()
  await crash(on.server)
  await on.server.restart()
  const hasLost = (await eventually(count)) < before
  const relay = counters.run([], ['relay'])
  await eventually(async () => expect(await unverified(counters)).toBe(0))
  await relay.stop()
  return hasLost
}

interface Crashing {
  readonly on: Awaited<ReturnType<typeof ownPostgres>>
  readonly counters: Counters
  readonly count: () => Promise<number>
  readonly isDone: () => unknown
}

/** Appends events and has them relayed, by commits that wait for the disk. */
async function growRelayed(counters: Counters, count: number, options: Parameters<Counters['grow']>[1] = {}) {
  await counters.grow(count, options)
  const relay = counters.run([], ['relay'])
  await eventually(async () => expect(await rows(counters, `${schema}.outbox`)).toBe(await given(counters)))
  await relay.stop()
}

test('a projection sees every event once, though Postgres crashes lose what it had committed', async () => {
  await using on = await ownPostgres({ partitions: 2 }, slowWal)
  await using counters = await openCounters({ on })
  await using fast = hasty(on.url)
  const worker = counters.open(fast.db)
  counters.run([worker.projection('sales', counters.see, { maxBatch: 3 })], ['consume'], worker)
  let lost = 0
  for (let crashes = 0; crashes < 8 && lost < 2; crashes++) {
    await growRelayed(counters, 20)
    const isDone = () => counters.allSeen()
    if (await loses({ on, counters, count: () => rows(counters, 'seen'), isDone })) lost++
    // Without a new event: what was lost is noticed all the same.
    await counters.allSeen()
  }
  expect(lost).toBe(2)
}, 120_000)

test('an event that a handler parked is not gone when a crash loses that commit', async () => {
  await using on = await ownPostgres({ partitions: 1 }, slowWal)
  await using counters = await openCounters({ on })
  await using fast = hasty(on.url)
  const worker = counters.open(fast.db)
  const mail = worker.handler(
    'mail',
    {
      'count.grown'({ data }) {
        if (data.isBad) throw new Error('no such address')
      },
    },
    { onFailure: parkAtOnce },
  )
  counters.run([mail], ['consume'], worker)
  const parked = async () => (await listParked(counters.sql, { schema })).length
  let hasLost = false
  for (let crashes = 0; crashes < 8 && !hasLost; crashes++) {
    await growRelayed(counters, 1, { keys: [`key ${crashes}`], bad: [0] })
    const isDone = async () => expect(await parked()).toBe(crashes + 1)
    hasLost = await loses({ on, counters, count: parked, isDone })
    await eventually(isDone)
  }
  expect(hasLost).toBe(true)
}, 120_000)

test('a rebuild whose commits a crash loses ends with what a fresh run makes', async () => {
  await using on = await ownPostgres({ partitions: 2 }, slowWal)
  await using totals = await openTotals({ on })
  await growRelayed(totals, 60)
  const old = totals.run([totals.totalsOf(1)], ['relay', 'consume'])
  await totals.areToldOnce()
  await old.stop()
  await totals.sql.query('checkpoint')
  await using fast = hasty(on.url)
  const worker = totals.open(fast.db)
  const gate = Promise.withResolvers<void>()
  let shadowed = 0
  const enter = async () => {
    if (++shadowed > 4) await gate.promise
  }
  totals.run([totals.totalsOf(2, { on: worker, maxBatch: 10, enter })], ['relay', 'consume'], worker)
  await startRebuild(totals.sql, { schema, group: 'totals' })
  await eventually(() => expect(shadowed).toBeGreaterThan(4))
  await crash(on.server)
  await on.server.restart()
  gate.resolve()
  await totals.hasSwitched()
  await totals.areFresh(2)
  await totals.areToldOnce()
}, 120_000)

test('a projection whose offset goes back behind its back does again what is undone, also when nothing new comes', async () => {
  await using counters = await openCounters({ partitions: 1 })
  counters.run([counters.cast.projection('sales', counters.see, { maxBatch: 1 })], ['relay', 'consume'])
  await counters.grow(8, { keys: ['a'] })
  await counters.allSeen()
  const goBack = () =>
    counters.sql.query(
      `with newest as (delete from ${schema}.group_offset where group_name = 'sales' and "offset" > 5)
       delete from seen where n > 5`,
    )
  await goBack()
  await counters.allSeen()
  await goBack()
  await counters.grow(4, { keys: ['a'] })
  await counters.allSeen()
})

test('a worker waits for its own commit whose answer it never got, and does not do the work twice', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const sales = counters.cast.projection('sales', counters.see)
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(2, { keys: ['a'] })
  await counters.allSeen()
  await using other = openDatabase(counters.url)
  const left = Promise.withResolvers<void>()
  const [row] = await counters.sql.query<{ number: string; term: string }>(
    `select max(number)::text as number, max(term)::text as term from ${schema}.group_offset join ${schema}.lease using (group_name)
     where group_name = 'sales'`,
  )
  const begun = Promise.withResolvers<void>()
  const committing = other.db.transaction().execute(async (trx) => {
    const sql = sqlOf(trx)
    await sql.query(`insert into seen (key, n) values ('a', 3)`)
    await sql.query(
      `select ${schema}.commit_offset('sales', 0::smallint, $1, ${schema}.server_identity(), $2, 1, 2, 1, 3)`,
      [row!.term, row!.number],
    )
    begun.resolve()
    await left.promise
  })
  await begun.promise
  await counters.grow(1, { keys: ['a'] })
  await eventually(async () => expect(await given(counters)).toBe(3))
  left.resolve()
  await committing
  await counters.allSeen()
  await counters.grow(1, { keys: ['a'] })
  await counters.allSeen()
})

async function rows({ sql }: Pick<Counters, 'sql'>, table: string): Promise<number> {
  const [row] = await sql.query<{ count: number }>(`select count(*)::int as count from ${table}`)
  return row!.count
}

async function given({ sql }: Pick<Counters, 'sql'>): Promise<number> {
  const [row] = await sql.query<{ given: number }>(`select coalesce(sum(count), 0)::int as given from ${schema}.page`)
  return row!.given
}

/** How many partitions no relay has compared since the server was started. */
async function unverified({ sql }: Pick<Counters, 'sql'>): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `select count(*)::int as count from ${schema}.topic, generate_series(0, topic.partitions - 1) as place
     where not exists (select from ${schema}.verified
       where partition = place and server = ${schema}.server_identity())`,
  )
  return row!.count
}
