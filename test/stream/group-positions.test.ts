import { newEpoch, readTopic } from '@commitcast/outbox'
import { readGroups, resetGroup } from '@commitcast/stream'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openCounters } from './open-counters.ts'

const schema = 'commitcast'

test('a group that is put back sees everything after that place again, also while it runs', async () => {
  await using counters = await openCounters({ partitions: 1 })
  counters.run([counters.cast.projection('sales', counters.see)], ['relay', 'consume'])
  await counters.grow(6, { keys: ['a'] })
  await counters.allSeen()
  await resetGroup(counters.sql, { schema, group: 'sales', target: { to: 'offset', offset: 4 } })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 2, 3, 4, 5, 6, 5, 6] }))
  await resetGroup(counters.sql, { schema, group: 'sales', target: { to: 'beginning' } })
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 2, 3, 4, 5, 6, 5, 6, 1, 2, 3, 4, 5, 6] }))
})

test('a group can be put to a time, or to the end', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const relay = counters.run([], ['relay'])
  let counted = 0
  const given = async (count: number) => {
    await counters.grow(count, { keys: ['a'] })
    counted += count
    await eventually(async () => expect(await countGiven(counters.sql)).toBe(counted))
  }
  await given(3)
  const [row] = await counters.sql.query<{ now: Date }>('select clock_timestamp() as now')
  await given(2)
  const sales = counters.cast.projection('sales', counters.see, { from: 'end' })
  const first = counters.run([sales])
  await eventually(async () => expect(await readGroups(counters.sql, schema)).toMatchObject([{ offset: 5, lag: 0 }]))
  await first.stop()
  expect(await resetGroup(counters.sql, { schema, group: 'sales', target: { to: 'time', time: row!.now } })).toEqual([
    { partition: 0, epoch: 1, offset: 3 },
  ])
  expect(await readGroups(counters.sql, schema)).toMatchObject([
    { group: 'sales', offset: 3, lag: 2, owner: null, parked: 0 },
  ])
  counters.run([sales])
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [4, 5] }))
  expect(await resetGroup(counters.sql, { schema, group: 'sales', target: { to: 'end' } })).toEqual([
    { partition: 0, epoch: 1, offset: 5 },
  ])
  await relay.stop()
})

test('a place that is not there is refused, and nothing has changed', async () => {
  await using counters = await openCounters({ partitions: 2 })
  const reset = (options: object) =>
    resetGroup(counters.sql, { schema, group: 'sales', target: { to: 'end' }, ...options })
  await expect(reset({})).rejects.toThrow('There is no group "sales". None has begun yet.')
  await counters.sql.query(`select commitcast.start_group('sales', false)`)
  await expect(reset({ group: 'sale' })).rejects.toThrow('There is no group "sale". There are: sales.')
  await expect(reset({ partition: 2 })).rejects.toThrow('There is no partition 2: they go from 0 to 1.')
  await expect(reset({ target: { to: 'offset', offset: 7 } })).rejects.toThrow("Offset 7 can't be set")
  expect(await readGroups(counters.sql, schema)).toMatchObject([{ offset: 0 }, { offset: 0 }])
})

test('a group finishes an epoch that has ended, and then goes on with the next', async () => {
  await using counters = await openCounters()
  const sales = counters.cast.projection('sales', counters.see, { maxBatch: 3 })
  const first = counters.run([sales], ['relay', 'consume'])
  await counters.grow(20)
  await counters.allSeen()
  await first.stop()
  const relay = counters.run([], ['relay'])
  await counters.grow(40)
  await eventually(async () =>
    expect((await readGroups(counters.sql, schema)).reduce((sum, { lag }) => sum + lag, 0)).toBe(40),
  )
  await newEpoch(counters.sql, { from: 1 })
  await counters.grow(20)
  await eventually(async () =>
    expect((await readGroups(counters.sql, schema)).reduce((sum, { lag }) => sum + lag, 0)).toBe(60),
  )
  counters.run([sales])
  await counters.allSeen()
  expect((await readTopic(counters.sql, schema)).epoch).toBe(2)
  await eventually(async () =>
    expect(await readGroups(counters.sql, schema)).toMatchObject([
      { epoch: 2, lag: 0 },
      { epoch: 2, lag: 0 },
    ]),
  )
  await relay.stop()
})

async function countGiven(sql: { query<T>(text: string): Promise<T[]> }): Promise<number> {
  const [row] = await sql.query<{ given: number }>('select coalesce(sum(count), 0)::int as given from commitcast.page')
  return row!.given
}
