import { dropParked, listParked, retryParked } from '@commitcast/outbox'
import { resetGroup } from '@commitcast/stream'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openPurchases } from './open-purchases.ts'

const schema = 'commitcast'

test('an instance goes through its statuses, and appends what its transitions say', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.request('p1', 42)
  await shop.become({ p1: 'reserving' })
  expect(await shop.appended('stock.wanted')).toEqual([['stock of p1', { purchaseId: 'p1' }]])
  await shop.append({ type: 'stock.reserved', key: 'book 7', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'paying' })
  await shop.append({ type: 'wallet.charged', key: 'ada', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'completed' })
  expect(await shop.appended('purchase.completed')).toEqual([['p1', { total: 42 }]])
})

test('what an event led to names it as its cause, and shares its correlation', async () => {
  await using shop = await openPurchases()
  shop.run()
  const [id] = await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  const rows = await shop.sql.query<{ headers: object }>(
    `select headers from commitcast.outbox where type = 'stock.wanted'`,
  )
  expect(rows[0]!.headers).toEqual({ causation: id, correlation: id })
})

test('an event that comes before its instance is held, and taken in the commit that creates it', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.append({ type: 'stock.reserved', key: 'book 7', data: { purchaseId: 'p1' } })
  await eventually(async () => expect(await shop.sql.query('select from commitcast.process_held')).toHaveLength(1))
  expect(await shop.statuses()).toEqual({})
  await shop.request('p1')
  await shop.become({ p1: 'paying' })
  expect(await shop.sql.query('select from commitcast.process_held')).toEqual([])
  expect(await shop.sql.query(`select from commitcast.scheduled_event where name like 'hold:%'`)).toEqual([])
})

test('an event without an instance is ignored or parked alone, as its type says', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.append({ type: 'wallet.charged', key: 'p1', data: { purchaseId: 'p1' } })
  const parked = () => listParked(shop.sql, { schema })
  await eventually(async () => expect(await parked()).toHaveLength(1))
  expect((await parked())[0]).toMatchObject({ group: 'purchase', type: 'wallet.charged' })
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
})

test('an event that its transition fails on blocks its instance in all partitions, and no other', async () => {
  const failing = { isOn: true }
  await using shop = await openPurchases({ partitions: 8, failing })
  shop.run()
  await Promise.all(['p1', 'p2'].map((key) => shop.request(key)))
  await shop.become({ p1: 'reserving', p2: 'reserving' })
  await shop.append({ type: 'stock.reserved', key: 'book 1', data: { purchaseId: 'p1', isBad: true } })
  const parked = () => listParked(shop.sql, { schema })
  await eventually(async () => expect(await parked()).toHaveLength(1))
  for (const purchaseId of ['p1', 'p2']) {
    for (let n = 0; n < 5; n++) await shop.append({ type: 'wallet.charged', key: `wallet ${n}`, data: { purchaseId } })
  }
  await shop.append({ type: 'stock.refused', key: 'book 2', data: { purchaseId: 'p2' } })
  await shop.become({ p1: 'reserving', p2: 'failed' })
  await eventually(async () => expect(await parked()).toHaveLength(6))
  failing.isOn = false
  await retryParked(shop.sql, { schema, ids: [(await parked())[0]!.id] })
  await shop.become({ p1: 'completed', p2: 'failed' })
  await eventually(async () => expect(await parked()).toEqual([]))
})

test('where an operator drops the failing event, those that waited behind it continue', async () => {
  const failing = { isOn: true }
  await using shop = await openPurchases({ failing })
  shop.run()
  await shop.request('p1')
  await shop.append({ type: 'stock.reserved', key: 'book 1', data: { purchaseId: 'p1', isBad: true } })
  const parked = () => listParked(shop.sql, { schema })
  await eventually(async () => expect(await parked()).toHaveLength(1))
  await shop.append({ type: 'stock.refused', key: 'book 2', data: { purchaseId: 'p1' } })
  await eventually(async () => expect(await parked()).toHaveLength(2))
  await dropParked(shop.sql, { schema, ids: [(await parked())[0]!.id] })
  await shop.become({ p1: 'failed' })
})

test('a held event that fails when its instance is created waits for an operator in its own partition', async () => {
  const failing = { isOn: true }
  await using shop = await openPurchases({ partitions: 8, failing })
  shop.run()
  await shop.append({ type: 'stock.reserved', key: 'book 1', data: { purchaseId: 'p1', isBad: true } })
  await eventually(async () => expect(await shop.sql.query('select from commitcast.process_held')).toHaveLength(1))
  await shop.append({ type: 'stock.reserved', key: 'book 2', data: { purchaseId: 'p1' } })
  await eventually(async () => expect(await shop.sql.query('select from commitcast.process_held')).toHaveLength(2))
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  const parked = () => listParked(shop.sql, { schema })
  await eventually(async () => expect(await parked()).toHaveLength(2))
  failing.isOn = false
  await retryParked(shop.sql, { schema, ids: [(await parked())[0]!.id] })
  await shop.become({ p1: 'paying' })
  await eventually(async () => expect(await parked()).toEqual([]))
})

test('a finished instance ignores later events, counts them, and shows them in its history', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.request('p1')
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'failed' })
  await shop.request('p1')
  await shop.append({ type: 'stock.reserved', key: 'p1', data: { purchaseId: 'p1' } })
  const outcomes = () =>
    shop.sql.query(`select input, outcome, from_status, to_status from commitcast.process_history order by number`)
  await eventually(async () =>
    expect(await outcomes()).toEqual([
      { input: 'purchase.requested', outcome: 'started', from_status: null, to_status: 'reserving' },
      { input: 'stock.refused', outcome: 'taken', from_status: 'reserving', to_status: 'failed' },
      { input: 'purchase.requested', outcome: 'ended', from_status: 'failed', to_status: null },
      { input: 'stock.reserved', outcome: 'ended', from_status: 'failed', to_status: null },
    ]),
  )
  const [row] = await shop.sql.query('select ignored::int, incarnation from commitcast.process_instance')
  expect(row).toEqual({ ignored: 2, incarnation: 1 })
})

test('with restarts a finished instance begins anew, as its next incarnation', async () => {
  await using shop = await openPurchases({ restarts: true })
  shop.run()
  await shop.request('p1')
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'failed' })
  await shop.request('p1', 7)
  await shop.become({ p1: 'reserving' })
  const [row] = await shop.sql.query('select incarnation, taken::int from commitcast.process_instance')
  expect(row).toEqual({ incarnation: 2, taken: 1 })
})

test('a process is not reset, because its events would be appended again', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  const reset = resetGroup(shop.sql, { schema, group: 'purchase', target: { to: 'beginning' } })
  await expect(reset).rejects.toMatchObject({ code: 'RESET_REFUSED' })
})

test('history and finished instances are deleted after historyMs', async () => {
  await using shop = await openPurchases({ historyMs: 60_000 })
  shop.run()
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'failed' })
  await shop.sql.query(
    `update commitcast.process_instance set finished_at = finished_at - interval '2 minutes' where instance = 'p1'`,
  )
  await shop.sql.query(`update commitcast.process_history set at = at - interval '2 minutes'`)
  await shop.request('p2')
  await shop.become({ p2: 'reserving' })
  expect(await shop.sql.query('select instance from commitcast.process_history')).toEqual([{ instance: 'p2' }])
})
