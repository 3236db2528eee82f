import { commandLink, liveConnection } from '@commitcast/client'
import { useConnection, useLiveMutation, useLiveQuery } from '@commitcast/client/react'
import { createTRPCClient, createWSClient, httpBatchLink, retryLink, splitLink, wsLink } from '@trpc/client'
import type { router } from './live-list-server.ts'

// #region client
const socket = createWSClient(liveConnection({ url: 'wss://shop.example/trpc' }))

const trpc = createTRPCClient<typeof router>({
  links: [
    commandLink(),
    // A command without an answer is sent again, with its key: an error without `data` came from the connection.
    retryLink({
      retry: ({ op, error, attempts }) => op.type === 'mutation' && !error.data && attempts < 5,
      retryDelayMs: (attempts) => Math.random() * 500 * 2 ** attempts,
    }),
    splitLink({
      condition: (op) => op.type === 'subscription',
      true: wsLink({ client: socket }),
      false: httpBatchLink({ url: 'https://shop.example/trpc' }),
    }),
  ],
})
// #endregion client

// #region list
export function Orders() {
  const orders = useLiveQuery(trpc.orders, undefined, {
    'order.placed': (list, { key, metadata }) => [
      ...list,
      { id: key, status: 'placed', title: metadata.book?.title ?? 'a book' },
    ],
    'order.delivered': (list, { key }) =>
      list.map((order) => (order.id === key ? { ...order, status: 'delivered' } : order)),
  })
  const place = useLiveMutation(orders, trpc.place, {
    expect: (list, { id }) =>
      list.some((order) => order.id === id) ? list : [...list, { id, status: 'sending', title: '…' }],
  })
  return (
    <>
      <button type="button" onClick={() => place.mutate({ id: crypto.randomUUID(), bookId: 1 })}>
        Order
      </button>
      {place.error instanceof Error && <p role="alert">{place.error.message}</p>}
      <ul>
        {orders.state?.map(({ id, title, status }) => (
          <li key={id}>
            {title}: {status}
          </li>
        ))}
      </ul>
      <Connection />
    </>
  )
}
// #endregion list

// #region connection
function Connection() {
  const { status, lagMs = 0 } = useConnection()
  return <p role="status">{status === 'live' && lagMs > 2_000 ? `${Math.round(lagMs / 1_000)} s late` : status}</p>
}
// #endregion connection
