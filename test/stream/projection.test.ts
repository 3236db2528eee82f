import { dropParked, listParked, retryParked, sqlOf } from '@commitcast/outbox'
import type { ProjectionOptions } from '@commitcast/stream'
import type { Role } from 'commitcast'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { createRandom } from '../fixtures/random.ts'
import { openCounters, parkAtOnce } from './open-counters.ts'

const schema = 'commitcast'

type Counters = Awaited<ReturnType<typeof openCounters>>

/** A projection that can't do bad events, until it is mended. */
function salesThatFail({ cast, see }: Counters, options: ProjectionOptions, isMended = () => false) {
  return cast.projection(
    'sales',
    async (batch, trx) => {
      if (!isMended() && batch.some(({ data }) => 'isBad' in data && data.isBad)) throw new Error('I can not read this')
      await see(batch, trx)
    },
    options,
  )
}

test('a projection sees every event once, in order per key, and its offset commits with what it wrote', async () => {
  await using counters = await openCounters()
  const sales = counters.cast.projection('sales', counters.see, { maxBatch: 7 })
  counters.run([sales], ['relay', 'consume'])
  for (let round = 0; round < 10; round++) await counters.grow(20)
  await counters.allSeen()
})

test('a group that starts at the end sees only what comes after it started', async () => {
  await using counters = await openCounters()
  await counters.grow(8)
  const relay = counters.run([], ['relay'])
  await eventually(async () => expect(await given(counters.sql)).toBe(8))
  const late = counters.cast.projection('late', counters.see, { from: 'end' })
  counters.run([late])
  await eventually(async () => expect(await counters.sql.query('select from commitcast.group_offset')).toHaveLength(2))
  await counters.grow(4)
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [3], b: [3], c: [3], d: [3] }))
  await relay.stop()
})

test('workers come and go while events flow, and nothing is seen twice, missed or out of order', async () => {
  await using counters = await openCounters({ partitions: 4 })
  const random = createRandom()
  console.log(`seed ${random.seed}`)
  const start = (roles: readonly Role[], worker = counters.open()) =>
    counters.run([worker.projection('sales', counters.see, { maxBatch: 5 })], roles, worker)
  const workers = [start(['relay', 'consume'])]
  for (let round = 0; round < 12; round++) {
    await counters.grow(30, { keys: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] })
    if (random.chance(0.5)) workers.push(start(['consume']))
    else if (workers.length > 1) await workers.pop()!.stop()
  }
  await counters.allSeen()
})

test('a worker whose lease went commits nothing', async () => {
  await using counters = await openCounters({ partitions: 1 })
  counters.run([], ['relay'])
  let entered = 0
  const gate = Promise.withResolvers<void>()
  const sales = counters.cast.projection('sales', async (batch, trx) => {
    await counters.see(batch, trx)
    if (++entered === 1) await gate.promise
  })
  counters.run([sales])
  await counters.grow(3, { keys: ['a'] })
  await eventually(() => expect(entered).toBe(1))
  await counters.sql.query(
    `update commitcast.lease set term = term + 1, owner = '', expires_at = '-infinity' where group_name = 'sales'`,
  )
  gate.resolve()
  await counters.allSeen()
  expect(entered).toBeGreaterThan(1)
})

test('events that a projection appends exist exactly when its writes do', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let failures = 2
  const teller = counters.cast.projection('teller', async (batch, trx) => {
    const grown = batch.filter((event) => event.type === 'count.grown')
    if (grown.length === 0) return
    await counters.see(grown, trx)
    await counters.cast.append(
      trx,
      grown.map(({ key, data: { n } }) => ({ type: 'count.told', key, data: { n } })),
    )
    if (failures-- > 0) throw new Error('not yet')
  })
  counters.run([teller], ['relay', 'consume'])
  await counters.grow(10)
  await counters.allSeen()
  const told = await counters.sql.query<{ count: number }>(
    `select count(*)::int as count from commitcast.outbox where type = 'count.told'`,
  )
  expect(told[0]!.count).toBe(10)
})

test('a bad event is parked alone, later ones of its key queue behind it in order, others go on', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let isMended = false
  const sales = salesThatFail(counters, { onFailure: parkAtOnce }, () => isMended)
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(20, { keys: ['a', 'b'], bad: [4] })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 2], b: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }))
  const parked = await listParked(counters.sql, { schema })
  expect(parked).toHaveLength(8)
  expect(parked[0]).toMatchObject({ group: 'sales', key: 'a', attempts: 1, reason: 'I can not read this' })
  expect(parked.slice(1).every(({ attempts }) => attempts === 0)).toBe(true)
  await retryParked(counters.sql, { schema, ids: [parked[0]!.id] })
  await eventually(async () => expect((await listParked(counters.sql, { schema }))[0]?.attempts).toBe(2))
  isMended = true
  await retryParked(counters.sql, { schema, ids: [parked[0]!.id], actor: 'ada' })
  await counters.allSeen()
  await counters.grow(2, { keys: ['a', 'b'] })
  await counters.allSeen()
  const history = await counters.sql.query(
    'select actor, action from commitcast.parked_history where parked_id = $1 order by number',
    [parked[0]!.id],
  )
  expect(history.map((row) => (row as { action: string }).action)).toEqual([
    'parked',
    'retried',
    'failed again',
    'retried',
    'done',
  ])
  expect(history[3]).toEqual({ actor: 'ada', action: 'retried' })
})

test('when the parked event is dropped, what waits behind it goes on', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const sales = salesThatFail(counters, { onFailure: parkAtOnce })
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(5, { keys: ['a'], bad: [1] })
  await eventually(async () => expect(await listParked(counters.sql, { schema })).toHaveLength(4))
  const [bad] = await listParked(counters.sql, { schema })
  await dropParked(counters.sql, { schema, ids: [bad!.id] })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 3, 4, 5] }))
})

test('with the policy "stop" a bad event stops its partition and nothing else, and it goes on when mended', async () => {
  await using counters = await openCounters({ partitions: 2 })
  let isMended = false
  const sales = salesThatFail(counters, { onFailure: { type: 'stop' } }, () => isMended)
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(8, { bad: [0] })
  await eventually(() =>
    expect(JSON.stringify(counters.cast.health().groups.sales)).toContain(
      'fails and is tried again: I can not read this',
    ),
  )
  isMended = true
  await counters.allSeen()
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

test('a group that has as many parked events as it may stands still, and goes on when some are dropped', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const sales = salesThatFail(counters, { onFailure: { ...parkAtOnce, limit: 2 } })
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(6, { keys: ['a', 'b', 'c', 'd', 'e', 'f'], bad: [1, 2, 3] })
  await eventually(() => expect(JSON.stringify(counters.cast.health())).toContain('may have 2 parked events'))
  expect(await counters.seen()).toEqual({ a: [1] })
  await dropParked(counters.sql, { schema, ids: 'all' })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1], e: [1], f: [1] }))
})

test('a database that goes away parks nothing', async () => {
  await using counters = await openCounters({ partitions: 1 })
  let tries = 0
  const sales = counters.cast.projection(
    'sales',
    async (batch, trx) => {
      await counters.see(batch, trx)
      if (++tries < 8) await sqlOf(trx).query('select pg_terminate_backend(pg_backend_pid())')
    },
    { onFailure: parkAtOnce },
  )
  counters.run([sales], ['relay', 'consume'])
  await counters.grow(4)
  await counters.allSeen()
  expect(tries).toBeGreaterThanOrEqual(8)
  expect(await listParked(counters.sql, { schema })).toEqual([])
})

async function given(sql: { query<T>(text: string): Promise<T[]> }): Promise<number> {
  const [row] = await sql.query<{ given: number }>('select coalesce(sum(count), 0)::int as given from commitcast.page')
  return row!.given
}
