import { listParked, retryParked, sqlOf } from '@commitcast/outbox'
import { cancelRebuild, isRebuilding, listRebuilds, startRebuild } from '@commitcast/stream'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import { createRandom } from '../fixtures/random.ts'
import { parkAtOnce } from './open-counters.ts'
import { openTotals, remains, schema, type Total } from './open-totals.ts'

const group = 'totals'
type Totals = Awaited<ReturnType<typeof openTotals>>

test('a rebuild under writes ends with what a fresh run makes; readers see the old rows or the new, never less', async () => {
  await using totals = await openTotals({ partitions: 4 })
  await startOld(totals, 200)
  const reading = keepReading(totals)
  totals.run([totals.totalsOf(2)], ['consume'])
  await startRebuild(totals.sql, { schema, group })
  for (let round = 0; round < 20; round++) await totals.grow(20)
  await totals.hasSwitched()
  await totals.grow(20)
  await totals.areFresh(2)
  const { reads, generations } = await reading.stop()
  expect(reads).toBeGreaterThan(10)
  expect(generations).toEqual(['1', '2'])
  await totals.areToldOnce()
})

test('workers that come, go and lose their connections in mid-rebuild leave nothing out and tell nothing twice', async () => {
  const random = createRandom()
  console.log(`seed ${random.seed}`)
  await using totals = await openTotals({ partitions: 4 })
  await startOld(totals, 300)
  const reading = keepReading(totals)
  const rations = rationShadow()
  const open = () => {
    const worker = totals.open()
    return totals.run([totals.totalsOf(2, { maxBatch: 5, enter: rations.enter, on: worker })], ['consume'], worker)
  }
  const workers = [open()]
  await startRebuild(totals.sql, { schema, group })
  for (let round = 0; round < 12; round++) {
    await totals.grow(random.int(1, 30), { keys: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] })
    await rations.eat(random.int(1, 6), totals)
    if (random.chance(0.4)) workers.push(open())
    if (random.chance(0.3)) await killTransactions(totals)
    if (random.chance(0.4) && workers.length > 1) await rations.during(workers.pop()!.stop())
    if (random.chance(0.1) && (await rations.during(cancelRebuild(totals.sql, { schema, group })))) {
      await startRebuild(totals.sql, { schema, group })
    }
  }
  rations.end()
  await totals.hasSwitched()
  await totals.areFresh(2)
  const { generations } = await reading.stop()
  expect(generations).toEqual(['1', '2'])
  await totals.areToldOnce()
})

test('a cancelled rebuild leaves the live rows as they are, and nothing behind; another one can begin', async () => {
  await using totals = await openTotals()
  await startOld(totals, 600)
  const gate = Promise.withResolvers<void>()
  const held = holdShadow(gate.promise)
  totals.run([totals.totalsOf(2, { enter: held.enter })], ['consume'])
  await startRebuild(totals.sql, { schema, group })
  await expect(startRebuild(totals.sql, { schema, group })).rejects.toThrow('is being rebuilt already')
  await eventually(() => expect(held.entered()).toBeGreaterThan(0))
  expect(await listRebuilds(totals.sql, { schema })).toMatchObject([{ group, tables: ['public.total'], parked: 0 }])
  const cancelled = cancelRebuild(totals.sql, { schema, group })
  gate.resolve()
  expect(await cancelled).toBe(true)
  await totals.areFresh(1)
  await totals.hasSwitched()
  expect(await cancelRebuild(totals.sql, { schema, group })).toBe(false)
  await startRebuild(totals.sql, { schema, group })
  await totals.hasSwitched()
  await totals.areFresh(2)
})

test('the shadow does nothing that the live group has not done', async () => {
  await using totals = await openTotals({ partitions: 1 })
  await startOld(totals, 10)
  const gate = Promise.withResolvers<void>()
  let isHeld = false
  const live = totals.totalsOf(2, {
    enter: async (trx) => {
      if (isHeld && !isRebuilding(trx)) await gate.promise
    },
  })
  totals.run([live], ['consume'])
  await totals.grow(2)
  await totals.areToldOnce()
  isHeld = true
  await totals.grow(20)
  await startRebuild(totals.sql, { schema, group })
  await eventually(async () => expect((await listRebuilds(totals.sql, { schema }))[0]?.behind).toBe(0))
  gate.resolve()
  await totals.hasSwitched()
  await totals.areFresh(2)
  await totals.areToldOnce()
})

test('one worker with a pool of ten and eight busy partitions comes to its switch', async () => {
  await using totals = await openTotals({ partitions: 8 })
  const keys = Array.from({ length: 24 }, (_, index) => `key ${index}`)
  await startOld(totals, 100)
  await using small = openDatabase(totals.url, { max: 10 })
  const on = totals.open(small.db)
  const worker = totals.run([totals.totalsOf(2, { on, maxBatch: 5 })], ['consume'], on)
  await totals.grow(24, { keys })
  await startRebuild(totals.sql, { schema, group })
  const goesOn = async () => (await listRebuilds(totals.sql, { schema }))[0]
  await eventually(async () => expect((await goesOn())?.behind).toBeLessThan(300))
  for (let rebuild = await goesOn(); rebuild; rebuild = await goesOn()) {
    if (rebuild.behind! < 300) await totals.grow(24, { keys })
  }
  await totals.areFresh(2)
  await worker.stop()
})

test('a live transaction that read the old rows before the switch does not write after it', async () => {
  await using totals = await openTotals({ partitions: 1 })
  await startOld(totals, 4)
  await totals.sql.query('update total set sum = sum + 1000')
  const gate = Promise.withResolvers<void>()
  let hasRead = false
  const slow = totals.cast.projection(
    group,
    async (batch, trx) => {
      for (const { type, key, data } of batch) {
        if (type !== 'count.grown') continue
        const [row] = await sqlOf(trx).query<Total>('select sum from total where key = $1', [key])
        if (row && !isRebuilding(trx)) {
          hasRead = true
          await gate.promise
        }
        await sqlOf(trx).query(
          'insert into total values ($1, $2, $3, 2) on conflict (key) do update set n = excluded.n, sum = excluded.sum',
          [key, data.n, (row?.sum ?? 0) + data.n],
        )
      }
    },
    { tables: ['total'] },
  )
  totals.run([slow], ['consume'])
  await totals.grow(4)
  await eventually(() => expect(hasRead).toBe(true))
  await startRebuild(totals.sql, { schema, group })
  await totals.hasSwitched()
  gate.resolve()
  await totals.areFresh(2)
})

test('a switch waits for a transaction that wrote to the tables, says so, and for no reader however old', async () => {
  await using totals = await openTotals()
  await startOld(totals, 40)
  const writer = await totals.pool.connect()
  const reader = await totals.pool.connect()
  await reader.query('begin isolation level repeatable read')
  const before = (await reader.query('select * from total order by key')).rows
  await writer.query("begin; update total set sum = sum where key = 'a'")
  totals.run([totals.totalsOf(2)], ['consume'])
  await startRebuild(totals.sql, { schema, group })
  await eventually(async () =>
    expect((await listRebuilds(totals.sql, { schema }))[0]?.waitingFor).toContain('waits for a transaction'),
  )
  await writer.query('rollback')
  await totals.hasSwitched()
  await totals.areFresh(2)
  expect((await reader.query('select * from total order by key')).rows).toEqual(before)
  await reader.query('commit')
  for (const client of [writer, reader]) client.release()
})

test('rows that have not changed are not touched', async () => {
  await using totals = await openTotals()
  await startOld(totals, 40)
  totals.run([totals.totalsOf(1)], ['consume'])
  await totals.sql.query("update total set sum = -1 where key = 'a'")
  const places = () =>
    totals.sql.query<{ key: string }>("select key, ctid::text, xmin::text from total where key <> 'a' order by key")
  const before = await places()
  await startRebuild(totals.sql, { schema, group })
  await totals.hasSwitched()
  expect(await places()).toEqual(before)
  await totals.areFresh(1)
})

test('what hangs on a table stays: its views, its rights, what it refers to, and numbers go on rising', async () => {
  await using totals = await openTotals({ partitions: 1 })
  const { sql, cast } = totals
  await sql.query(`create table kind (name text primary key); insert into kind values ('grown')`)
  await sql.query(`create table "Log" (number int generated always as identity primary key, key text, n int,
    kind text default 'grown' references kind, double int generated always as (2 * n) stored, note json default '{}')`)
  await sql.query('create view latest as select key, max(number) as number, max(n) as n from "Log" group by key')
  await sql.query('grant select on "Log" to public')
  const log = cast.projection(
    'log',
    async (batch, trx) => {
      for (const { key, data } of batch) {
        await sqlOf(trx).query('insert into "Log" (key, n) values ($1, $2)', [key, data.n])
      }
    },
    { tables: ['"Log"'] },
  )
  totals.run([log], ['relay', 'consume'])
  await totals.grow(6, { keys: ['a'] })
  const latest = () => sql.query<{ number: number }>('select * from latest')
  await eventually(async () => expect(await latest()).toEqual([{ key: 'a', number: 6, n: 6 }]))
  await startRebuild(sql, { schema, group: 'log' })
  await totals.hasSwitched()
  expect(await latest()).toEqual([{ key: 'a', number: 12, n: 6 }])
  await totals.grow(1, { keys: ['a'] })
  await eventually(async () => expect(await latest()).toMatchObject([{ n: 7 }]))
  expect((await latest())[0]!.number).toBeGreaterThan(12)
  expect(await sql.query(`select from "Log" where double = 2 * n and kind = 'grown'`)).toHaveLength(7)
  expect(
    await sql.query(`select from pg_class where oid = '"Log"'::regclass and relacl::text like '%=r/%'`),
  ).toHaveLength(1)
})

test('a rebuild waits while events are parked, and goes on when they are done', async () => {
  await using totals = await openTotals({ partitions: 1 })
  let isMended = false
  const strict = totals.cast.projection(
    group,
    async (batch, trx) => {
      if (!isMended && batch.some(({ data }) => 'isBad' in data && data.isBad)) throw new Error('I can not read this')
      await sqlOf(trx).query('insert into total select gen_random_uuid(), 1, 1, 1')
    },
    { tables: ['total'], onFailure: parkAtOnce, maxBatch: 1 },
  )
  totals.run([strict], ['relay', 'consume'])
  await totals.grow(3, { keys: ['a', 'b', 'c'], bad: [1] })
  await eventually(async () => expect(await listParked(totals.sql, { schema })).toHaveLength(1))
  await startRebuild(totals.sql, { schema, group })
  await eventually(async () =>
    expect(await listRebuilds(totals.sql, { schema })).toMatchObject([{ parked: 2, behind: 0 }]),
  )
  isMended = true
  await retryParked(totals.sql, { schema, ids: 'all' })
  await totals.hasSwitched()
  expect(await totals.totals()).toHaveLength(3)
})

const obstacles = {
  keyless: ['it has no primary key', 'alter table keyless drop constraint keyless_pkey'],
  parent: ['foreign keys refer to it', 'create table child (key text references parent)'],
  hidden: ['it has row-level security', 'alter table hidden enable row level security'],
  ruled: ['it has rules', 'create rule quiet as on delete to ruled do also nothing'],
  triggering: [
    'it has triggers',
    'create trigger same before update on triggering for each row execute function suppress_redundant_updates_trigger()',
  ],
  missing: ['There is no table missing', 'drop table missing'],
} as const

test('a table whose rows can not be exchanged is refused, and the rebuild says why', async () => {
  await using totals = await openTotals({ partitions: 1 })
  const { sql, cast } = totals
  for (const [table, [, statement]] of Object.entries(obstacles)) {
    await sql.query(`create table ${table} (key text primary key)`)
    await sql.query(statement)
  }
  const tables = Object.keys(obstacles)
  totals.run(tables.map((table) => cast.projection(table, async () => {}, { tables: [table] })))
  for (const table of tables) {
    await eventually(() => startRebuild(sql, { schema, group: table }))
  }
  await eventually(async () => {
    const waiting = (await listRebuilds(sql, { schema })).map((rebuild) => rebuild.waitingFor)
    expect(waiting).toEqual(Object.values(obstacles).map(([words]) => expect.stringContaining(words)))
  })
  expect((await remains(sql)).sort()).toEqual(tables.sort())
})

test.each([
  ['public.other', (trx: Parameters<typeof sqlOf>[0]) => sqlOf(trx).query('update other set n = n + 1')],
  ['public.total', (trx: Parameters<typeof sqlOf>[0]) => sqlOf(trx).query('delete from public.total')],
  [
    'appends events with something else',
    (trx: Parameters<typeof sqlOf>[0]) => sqlOf(trx).query(`select commitcast.append('count.told', 'a', '{"n":1}')`),
  ],
])('a rebuild that would change more than its shadow changes nothing: %s', async (words, write) => {
  await using totals = await openTotals({ partitions: 1 })
  await totals.sql.query('create table other (n int); insert into other values (0)')
  await startOld(totals, 4)
  const wild = totals.totalsOf(2, {
    enter: async (trx) => {
      if (isRebuilding(trx)) await write(trx as Parameters<typeof sqlOf>[0])
    },
  })
  totals.run([wild], ['consume'])
  await startRebuild(totals.sql, { schema, group })
  await eventually(async () => expect((await listRebuilds(totals.sql, { schema }))[0]?.waitingFor).toContain(words))
  expect(await totals.sql.query('select n from other')).toEqual([{ n: 0 }])
  expect(await listParked(totals.sql, { schema })).toEqual([])
  await totals.areFresh(1)
  await totals.areToldOnce()
})

test('a rebuild that needs events which are gone is refused, unless it may begin with what is kept', async () => {
  await using totals = await openTotals({ partitions: 1 })
  await startOld(totals, 4)
  await expect(startRebuild(totals.sql, { schema, group: 'sales' })).rejects.toThrow('There are: "totals"')
  await dropSegments(totals)
  await totals.grow(4)
  await expect(startRebuild(totals.sql, { schema, group })).rejects.toThrow('no longer has it in partition 0')
  totals.run([totals.totalsOf(2)], ['consume'])
  await startRebuild(totals.sql, { schema, group, fromKept: true })
  await totals.hasSwitched()
  // The broker still has them all.
  await eventually(async () =>
    expect(await totals.totals()).toMatchObject([{ n: 2, sum: 3, generation: 2 }, {}, {}, {}]),
  )
})

/** Events that the first generation has done and told; its worker is gone, the relay stays. */
async function startOld(totals: Totals, count: number): Promise<void> {
  totals.run([], ['relay'])
  const old = totals.run([totals.totalsOf(1)], ['consume'])
  await totals.grow(count)
  await totals.areFresh(1)
  await totals.areToldOnce()
  await old.stop()
}

/** Reads as an application does. Throws where anything is missing, goes back, or two generations are mixed. */
function keepReading(totals: Totals) {
  let isStopped = false
  const generations = new Set<string>()
  let reads = 0
  const loop = (async () => {
    let last = new Map<string, Total>()
    for (let first: Set<string> | undefined; !isStopped; reads++) {
      const rows = await totals.totals()
      first ??= new Set(rows.map(({ key }) => key))
      for (const { key, n } of last.values()) {
        expect(rows.find((row) => row.key === key)?.n).toBeGreaterThanOrEqual(n)
      }
      for (const { n, sum } of rows) expect(sum).toBe((n * (n + 1)) / 2)
      const seen = new Set(rows.filter(({ key }) => first!.has(key)).map(({ generation }) => generation))
      generations.add([...seen].join())
      last = new Map(rows.map((row) => [row.key, row]))
    }
  })()
  return {
    async stop() {
      isStopped = true
      await loop
      return { reads, generations: [...generations].sort() }
    },
  }
}

function holdShadow(until: Promise<void>) {
  let entered = 0
  return {
    entered: () => entered,
    async enter(trx: object) {
      if (!isRebuilding(trx)) return
      entered++
      await until
    },
  }
}

/** Lets the shadow do so many transactions and then holds them, so that a rebuild lasts as long as a test wants. */
function rationShadow() {
  let left = 0
  const entered = async (trx: object) => {
    if (!isRebuilding(trx)) return
    await eventually(() => expect(left).toBeGreaterThan(0))
    left--
  }
  const end = () => {
    left = Number.POSITIVE_INFINITY
  }
  return {
    enter: entered,
    end,
    async eat(count: number, { sql }: Totals) {
      left = count
      const goesOn = async () => (await listRebuilds(sql, { schema })).length > 0
      await eventually(async () => expect(left > 0 && (await goesOn())).toBe(false))
    },
    /** Without a ration, while something waits for transactions to end. */
    async during<T>(waiting: Promise<T>): Promise<T> {
      end()
      const result = await waiting
      left = 0
      return result
    },
  }
}

/** As when workers are killed: their transactions are rolled back. */
async function killTransactions({ sql }: Totals): Promise<void> {
  await sql.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and state = 'idle in transaction'`,
  )
}

async function dropSegments({ sql }: Totals): Promise<void> {
  const segments = await sql.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'commitcast.outbox'::regclass`,
  )
  for (const { name } of segments) await sql.query(`drop table ${name}`)
  await sql.query(`update commitcast.topic set segments_until = '-infinity'`)
}
