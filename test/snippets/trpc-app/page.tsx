import { liveConnection } from '@commitcast/client'
import { useConnection, useLiveQuery } from '@commitcast/client/react'
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from '@trpc/client'
import { createRoot } from 'react-dom/client'
import superjson from 'superjson'
import type { Router } from './router.ts'

const socket = createWSClient(liveConnection({ url: `ws://${location.host}/trpc` }))

const trpc = createTRPCClient<Router>({
  links: [
    splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: wsLink({ client: socket, transformer: superjson }),
      false: httpBatchLink({ url: '/trpc', transformer: superjson }),
    }),
  ],
})

const ada = { customerId: 'ada' }

function Orders() {
  const { state: orders } = useLiveQuery(trpc.live, ada, {
    'order.placed': (list, { key, data }) => [...list, { id: key, ...data, status: 'placed' }],
    'order.delivered': (list, { key }) =>
      list.map((order) => (order.id === key ? { ...order, status: 'delivered' } : order)),
  })
  const { status } = useConnection()
  return (
    <>
      <button type="button" onClick={() => trpc.place.mutate({ ...ada, book: 'Middlemarch' })}>
        Order Middlemarch
      </button>
      <p role="status">{status}</p>
      <ul>
        {orders?.map((order) => (
          <li key={order.id}>
            {order.book}, ordered {order.placedAt.toLocaleTimeString()}: {order.status}
          </li>
        ))}
      </ul>
    </>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(<Orders />)
