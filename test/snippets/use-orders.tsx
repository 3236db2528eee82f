import { useLiveQuery } from '@commitcast/client/react'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { router } from './day-one.ts'

const socket = createWSClient({ url: 'ws://localhost:3000/trpc' })
const trpc = createTRPCClient<typeof router>({ links: [wsLink({ client: socket })] })

// #region hook
/** The state from the server, then each event once; `status` says how fresh it is. */
export function useOrders(customerId: string) {
  const { state: orders, status } = useLiveQuery(
    trpc.orders,
    { customerId },
    {
      'order.placed': (orders, { key, metadata }) => [
        ...orders,
        { id: key, status: 'placed', title: metadata.book?.title ?? 'a book' },
      ],
      'order.delivered': (orders, { key }) =>
        orders.map((order) => (order.id === key ? { ...order, status: 'delivered' } : order)),
    },
  )
  return { orders, status }
}
// #endregion hook
