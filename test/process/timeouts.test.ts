import { listParked, retryParked } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openPurchases } from './open-purchases.ts'

type Shop = Awaited<ReturnType<typeof openPurchases>>

const schema = 'commitcast'

/** The names and owners of what is scheduled. */
const scheduled = ({ sql }: Shop) =>
  sql.query<{ owner: string; name: string }>('select owner, name from commitcast.scheduled_event order by owner, name')

const history = ({ sql }: Shop) =>
  sql.query<{ input: string; outcome: string; incarnation: number }>(
    'select input, outcome, incarnation from commitcast.process_history order by number',
  )

async function fired(shop: Shop): Promise<void> {
  const rows = () => shop.sql.query(`select from commitcast.outbox where type = 'commitcast.timeout'`)
  await eventually(async () => expect(await rows()).toHaveLength(1))
}

test('a time-out fires once, with its name and its time', async () => {
  await using shop = await openPurchases({ patienceMs: () => 200 })
  shop.run()
  await shop.request('p1')
  await shop.append({ type: 'stock.reserved', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'failed' })
  expect(await shop.appended('purchase.failed')).toEqual([['late', { reason: 'patience' }]])
  expect(await scheduled(shop)).toEqual([])
})

test('a time-out that is set again is replaced, and one that is set stays set when another input comes', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  const [before] = await shop.sql.query<{ id: string }>('select id from commitcast.scheduled_event')
  await shop.append({ type: 'stock.reserved', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'paying' })
  expect(await scheduled(shop)).toEqual([{ owner: 'process/purchase/p1', name: 'patience' }])
  const [after] = await shop.sql.query<{ id: string }>('select id from commitcast.scheduled_event')
  expect(after!.id).not.toBe(before!.id)
})

test('the end of an instance cancels its time-outs, in the same commit', async () => {
  await using shop = await openPurchases()
  shop.run()
  await shop.request('p1')
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.become({ p1: 'failed' })
  expect(await scheduled(shop)).toEqual([])
})

test('a time-out that has fired when its instance cancels it does nothing, and the history says so', async () => {
  await using shop = await openPurchases({ patienceMs: () => 1_000 })
  shop.run([], ['relay'])
  const worker = shop.run([shop.define()], ['consume'])
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  await worker.stop()
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await fired(shop)
  shop.run([shop.define()], ['consume'])
  await eventually(async () =>
    expect(await history(shop)).toEqual([
      { input: 'purchase.requested', outcome: 'started', incarnation: 1 },
      { input: 'stock.refused', outcome: 'taken', incarnation: 1 },
      { input: 'timeout:patience', outcome: 'stale', incarnation: 1 },
    ]),
  )
  expect(await shop.appended('purchase.failed')).toEqual([['p1', { reason: 'out of stock' }]])
})

test('an instance that begins anew never takes a time-out of the one before it', async () => {
  await using shop = await openPurchases({ restarts: true, patienceMs: (total) => total })
  shop.run([], ['relay'])
  const worker = shop.run([shop.define()], ['consume'])
  await shop.request('p1', 1_000)
  await shop.become({ p1: 'reserving' })
  await worker.stop()
  await shop.append({ type: 'stock.refused', key: 'p1', data: { purchaseId: 'p1' } })
  await shop.request('p1', 60_000)
  await fired(shop)
  shop.run([shop.define()], ['consume'])
  await eventually(async () => expect((await history(shop)).map(({ outcome }) => outcome)).toContain('stale'))
  expect((await history(shop)).map(({ outcome, incarnation }) => `${outcome} ${incarnation}`)).toEqual([
    'started 1',
    'taken 1',
    'started 2',
    'stale 2',
  ])
  expect(await shop.statuses()).toEqual({ p1: 'reserving' })
  expect(await scheduled(shop)).toHaveLength(1)
})

test('an event that was held for too long is parked alone, and can be retried when its instance exists', async () => {
  await using shop = await openPurchases({ holdMs: 200 })
  shop.run()
  await shop.append({ type: 'stock.reserved', key: 'book 7', data: { purchaseId: 'p1' } })
  const parked = () => listParked(shop.sql, { schema })
  await eventually(async () => expect(await parked()).toHaveLength(1))
  expect((await parked())[0]!.reason).toBe('It was held for 200 ms, and nothing created the instance "p1" of purchase.')
  await shop.request('p1')
  await shop.become({ p1: 'reserving' })
  await retryParked(shop.sql, { schema, ids: [(await parked())[0]!.id] })
  await shop.become({ p1: 'paying' })
})

test('no more events are held for an instance than maxHeld says: the next are parked alone', async () => {
  await using shop = await openPurchases({ maxHeld: 2 })
  shop.run()
  for (let n = 0; n < 3; n++) {
    await shop.append({ type: 'stock.reserved', key: 'book 7', data: { purchaseId: 'p1' } })
  }
  await eventually(async () => expect(await listParked(shop.sql, { schema })).toHaveLength(1))
  expect(await shop.sql.query('select from commitcast.process_held')).toHaveLength(2)
  await shop.request('p1')
  await shop.become({ p1: 'paying' })
})
