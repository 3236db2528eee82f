import { follow, liveConnection } from '@commitcast/client'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { router } from './day-one.ts'

const socket = createWSClient(liveConnection({ url: 'ws://localhost:3000/trpc' }))
const trpc = createTRPCClient<typeof router>({ links: [wsLink({ client: socket })] })

// #region follow
/** Keeps a map of a customer's orders by id; returns what ends it. */
export function watchOrders(customerId: string, orders: Map<string, string>) {
  return follow(
    trpc.orders,
    { customerId },
    {
      onState(state) {
        orders.clear()
        for (const { id, status } of state) orders.set(id, status)
      },
      onEvent({ type, key }) {
        orders.set(key, type === 'order.placed' ? 'placed' : 'delivered')
      },
    },
  )
}
// #endregion follow
