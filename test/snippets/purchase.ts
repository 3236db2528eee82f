import { createCommitcast, defineEvents, stateType } from 'commitcast'
import type { Transaction } from 'kysely'
import { z } from 'zod'

const connectionString = process.env.DATABASE_URL ?? 'postgres://postgres:secret@127.0.0.1:5432/shop'

// #region events
const purchaseId = z.object({ purchaseId: z.string() })
const basket = z.object({ customerId: z.string(), bookId: z.string(), price: z.number() })

const events = defineEvents({
  'purchase.requested': { data: basket },
  'purchase.cancelled': { data: z.object({}) },
  'purchase.completed': { data: z.object({}) },
  'purchase.failed': { data: z.object({ reason: z.string() }) },
  'stock.wanted': { data: purchaseId },
  'stock.reserved': { data: purchaseId },
  'stock.refused': { data: purchaseId },
  'stock.released': { data: purchaseId },
  'payment.wanted': { data: purchaseId.extend({ amount: z.number() }) },
  'payment.done': { data: purchaseId },
  'payment.refused': { data: purchaseId },
  'payment.undone': { data: purchaseId },
})
// #endregion events

interface Shop {
  stock: { bookId: string; count: number }
  reservation: { purchaseId: string; bookId: string }
  wallet: { customerId: string; balance: number }
  payment: { purchaseId: string; customerId: string; amount: number }
}

export const cast = createCommitcast<typeof events, Shop>({ app: 'shop', events, connectionString })

// #region state
type Basket = z.infer<typeof basket>

/** An event that takes a step back. */
type Undo =
  | { readonly type: 'stock.released'; readonly key: string; readonly data: { readonly purchaseId: string } }
  | { readonly type: 'payment.undone'; readonly key: string; readonly data: { readonly purchaseId: string } }

export type Purchase =
  | { readonly status: 'reserving'; readonly id: string; readonly basket: Basket; readonly undo: readonly Undo[] }
  | { readonly status: 'paying'; readonly id: string; readonly basket: Basket; readonly undo: readonly Undo[] }
  | { readonly status: 'completed' }
  | { readonly status: 'failed'; readonly reason: string }
// #endregion state

// #region steps
type Running = Extract<Purchase, { readonly undo: unknown }>

const answerMs = 30_000

function requestPayment({ id, basket, undo }: Running) {
  const about = { key: basket.customerId, data: { purchaseId: id } }
  return {
    state: { status: 'paying' as const, id, basket, undo: [{ type: 'payment.undone' as const, ...about }, ...undo] },
    append: { type: 'payment.wanted' as const, ...about, data: { purchaseId: id, amount: basket.price } },
    timeouts: { answer: { afterMs: answerMs } },
  }
}

function fail({ id, undo }: Running, reason: string) {
  return {
    state: { status: 'failed' as const, reason },
    append: [...undo, { type: 'purchase.failed' as const, key: id, data: { reason } }],
  }
}
// #endregion steps

// #region process
export const purchase = cast
  .process('purchase', {
    state: stateType<Purchase>(),
    instance: {
      'purchase.requested': (event) => event.key,
      'purchase.cancelled': (event) => event.key,
      'stock.reserved': (event) => event.data.purchaseId,
      'stock.refused': (event) => event.data.purchaseId,
      'payment.done': (event) => event.data.purchaseId,
      'payment.refused': (event) => event.data.purchaseId,
    },
    timeouts: ['answer'],
    ends: ['completed', 'failed'],
  })
  .transitions({
    none: {
      'purchase.requested': ({ key: id, data: basket }) => {
        const about = { key: basket.bookId, data: { purchaseId: id } }
        return {
          state: { status: 'reserving', id, basket, undo: [{ type: 'stock.released', ...about }] },
          append: { type: 'stock.wanted', ...about },
          timeouts: { answer: { afterMs: answerMs } },
        }
      },
      'purchase.cancelled': 'ignore',
      'stock.reserved': 'park',
      'stock.refused': 'park',
      'payment.done': 'park',
      'payment.refused': 'park',
    },
    reserving: {
      'purchase.requested': 'ignore',
      'purchase.cancelled': (state) => fail(state, 'cancelled'),
      'stock.reserved': requestPayment,
      'stock.refused': (state) => fail(state, 'out of stock'),
      'payment.done': 'ignore',
      'payment.refused': 'ignore',
      'timeout:answer': (state) => fail(state, 'no answer about the stock'),
    },
    paying: {
      'purchase.requested': 'ignore',
      'purchase.cancelled': (state) => fail(state, 'cancelled'),
      'stock.reserved': 'ignore',
      'stock.refused': 'ignore',
      'payment.done': ({ id }) => ({
        state: { status: 'completed' },
        append: { type: 'purchase.completed', key: id, data: {} },
      }),
      'payment.refused': (state) => fail(state, 'too little money'),
      'timeout:answer': (state) => fail(state, 'no answer about the payment'),
    },
  })
// #endregion process

// #region inventory
export const inventory = cast.projection('inventory', async (batch, trx) => {
  for (const { type, key: bookId, data } of batch) {
    if (type === 'stock.wanted') await reserve(trx, bookId, data.purchaseId)
    if (type === 'stock.released') await release(trx, bookId, data.purchaseId)
  }
})

async function reserve(trx: Transaction<Shop>, bookId: string, purchaseId: string) {
  const { numUpdatedRows } = await trx
    .updateTable('stock')
    .set(({ eb }) => ({ count: eb('count', '-', 1) }))
    .where('bookId', '=', bookId)
    .where('count', '>', 0)
    .executeTakeFirst()
  const isReserved = numUpdatedRows > 0n
  if (isReserved) await trx.insertInto('reservation').values({ purchaseId, bookId }).execute()
  await cast.append(trx, { type: isReserved ? 'stock.reserved' : 'stock.refused', key: bookId, data: { purchaseId } })
}

/** Nothing to do where nothing was reserved: it was refused. */
async function release(trx: Transaction<Shop>, bookId: string, purchaseId: string) {
  const { numDeletedRows } = await trx.deleteFrom('reservation').where('purchaseId', '=', purchaseId).executeTakeFirst()
  if (numDeletedRows === 0n) return
  await trx
    .updateTable('stock')
    .set(({ eb }) => ({ count: eb('count', '+', 1) }))
    .where('bookId', '=', bookId)
    .execute()
}
// #endregion inventory

export const wallets = cast.projection('wallets', async (batch, trx) => {
  for (const { type, key: customerId, data } of batch) {
    if (type === 'payment.wanted') await pay(trx, customerId, data)
    if (type === 'payment.undone') await refund(trx, customerId, data.purchaseId)
  }
})

async function pay(
  trx: Transaction<Shop>,
  customerId: string,
  { purchaseId, amount }: { purchaseId: string; amount: number },
) {
  const { numUpdatedRows } = await trx
    .updateTable('wallet')
    .set(({ eb }) => ({ balance: eb('balance', '-', amount) }))
    .where('customerId', '=', customerId)
    .where('balance', '>=', amount)
    .executeTakeFirst()
  const isPaid = numUpdatedRows > 0n
  if (isPaid) await trx.insertInto('payment').values({ purchaseId, customerId, amount }).execute()
  await cast.append(trx, { type: isPaid ? 'payment.done' : 'payment.refused', key: customerId, data: { purchaseId } })
}

async function refund(trx: Transaction<Shop>, customerId: string, purchaseId: string) {
  const paid = await trx
    .deleteFrom('payment')
    .where('purchaseId', '=', purchaseId)
    .returning('amount')
    .executeTakeFirst()
  if (!paid) return
  await trx
    .updateTable('wallet')
    .set(({ eb }) => ({ balance: eb('balance', '+', paid.amount) }))
    .where('customerId', '=', customerId)
    .execute()
}

// #region request
/** Answers at once; the purchase continues by itself. */
export async function requestPurchase(id: string, basket: Basket): Promise<{ id: string }> {
  await cast.db.transaction().execute((trx) => cast.append(trx, { type: 'purchase.requested', key: id, data: basket }))
  return { id }
}
// #endregion request

// #region run
export function startWorkers(signal: AbortSignal): Promise<void> {
  return cast.run({ use: [purchase, inventory, wallets], signal })
}
// #endregion run
