// #region kit
import { givenProcess } from 'commitcast/testing'
import { test } from 'vitest'
import { purchase } from './purchase.ts'

const basket = { customerId: 'ada', bookId: 'emma', price: 12 }
const requested = { type: 'purchase.requested', key: 'p1', data: basket } as const
const reserved = { type: 'stock.reserved', key: 'emma', data: { purchaseId: 'p1' } } as const
const released = { type: 'stock.released', key: 'emma', data: { purchaseId: 'p1' } } as const
const undone = { type: 'payment.undone', key: 'ada', data: { purchaseId: 'p1' } } as const
const failed = (reason: string) => ({ type: 'purchase.failed', key: 'p1', data: { reason } }) as const

test('a purchase without an answer fails, and takes its steps back, the last one first', async () => {
  const reason = 'no answer about the payment'
  await givenProcess(purchase, requested, reserved)
    .when({ passMs: 30_000 })
    .thenBecomes({ status: 'failed', reason }, undone, released, failed(reason))
})

test('an answer cancels the time-out that waited for it', async () => {
  const paid = { type: 'payment.done', key: 'ada', data: { purchaseId: 'p1' } } as const
  const completed = { type: 'purchase.completed', key: 'p1', data: {} } as const
  await givenProcess(purchase, requested, reserved).when(paid).thenBecomes({ status: 'completed' }, completed)
  await givenProcess(purchase, requested, reserved, paid).when({ passMs: 60_000 }).thenNothing()
})

test('a second request changes nothing', async () => {
  await givenProcess(purchase, requested).when(requested).thenNothing()
})
// #endregion kit
