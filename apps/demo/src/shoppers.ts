import { customers } from '@commitcast/bookshop'
import { nextStep, type OrderStatus, statusAfter } from '@commitcast/bookshop/order-status'
import { follow } from '@commitcast/client'
import { sleep } from 'commitcast/process'
import { openShopClient, type ShopClient } from './shop-client.ts'

/** Made-up people who buy a book now and then, and a clerk who moves every order on, until the signal aborts. */
export async function runShoppers(apiUrl: string, signal: AbortSignal): Promise<void> {
  const { trpc, close } = openShopClient(apiUrl)
  const books = await trpc.books.query({})
  const bookIds = books.map((book) => book.id)
  const shoppers = customers.slice(0, 4).map(({ id }) => shop(trpc, { customerId: id, bookIds, signal }))
  await Promise.all([...shoppers, clerk(trpc, signal)])
  await close()
}

interface Shopper {
  readonly customerId: string
  readonly bookIds: readonly number[]
  readonly signal: AbortSignal
}

async function shop(trpc: ShopClient, { customerId, bookIds, signal }: Shopper): Promise<void> {
  while (!signal.aborted) {
    await sleep(between(2_000, 12_000), signal)
    if (signal.aborted) return
    const bookId = bookIds[Math.floor(Math.random() * bookIds.length)]!
    const quantity = Math.ceil(between(0, 3))
    await trpc.orders.place.mutate({ customerId, bookId, quantity }).catch(() => {})
  }
}

/** Sees every order on the live board and moves it on after a few seconds; a customer may have been quicker. */
async function clerk(trpc: ShopClient, signal: AbortSignal): Promise<void> {
  const moveSoon = async (id: string, from: OrderStatus) => {
    if (!nextStep(from)) return
    await sleep(between(3_000, 9_000), signal)
    if (!signal.aborted) await trpc.orders.move.mutate({ id, from }).catch(() => {})
  }
  const stop = follow(
    trpc.orders.board,
    {},
    {
      onState: (orders) => orders.forEach((order) => void moveSoon(order.id, order.status)),
      onEvent: (event) => void moveSoon(event.key, statusAfter(event.type)),
    },
  )
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  stop()
}

function between(low: number, high: number): number {
  return low + Math.random() * (high - low)
}
