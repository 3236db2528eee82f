import { openShopClient } from '@commitcast/demo-app/shop-client'

/** What happens to every order here, in this order. */
export const orderEvents = ['order.placed', 'order.accepted', 'order.dispatched', 'order.delivered'] as const

const statuses = ['placed', 'preparing', 'out for delivery'] as const

/** Shoppers at work. */
export interface Ordering extends AsyncDisposable {
  /** The orders that the API has confirmed so far, oldest first. */
  readonly placed: readonly string[]
  /** Resolves when each order that was placed is delivered; rejects with what a call of the API failed at. */
  stop(): Promise<void>
}

/** Places order after order through the API, and moves each on until it is delivered; `shoppers` do so at once. */
export async function keepOrdering(apiUrl: string, { shoppers = 12 } = {}): Promise<Ordering> {
  const { trpc, close } = openShopClient(apiUrl)
  const [books, customers] = await Promise.all([trpc.books.query({}), trpc.customers.query()])
  const stopping = new AbortController()
  const placed: string[] = []
  const shop = async () => {
    while (!stopping.signal.aborted) {
      const n = placed.length
      const [book, customer] = [books[n % books.length]!, customers[n % customers.length]!]
      const { id } = await trpc.orders.place.mutate({ customerId: customer.id, bookId: book.id, quantity: 1 })
      placed.push(id)
      for (const from of statuses) await trpc.orders.move.mutate({ id, from })
    }
  }
  const shopping = Promise.all(Array.from({ length: shoppers }, shop))
  shopping.catch(() => stopping.abort())
  const stop = async () => {
    stopping.abort()
    await shopping
  }
  return {
    placed,
    stop,
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {})
      await close()
    },
  }
}
