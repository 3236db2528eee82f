import type { ShopRouter } from '@commitcast/bookshop'
import { createTRPCClient, createWSClient, httpBatchLink, httpSubscriptionLink, splitLink, wsLink } from '@trpc/client'
import superjson from 'superjson'

/** As https://trpc.io/docs/server/websockets has it: everything over one WebSocket. */
export function openWebSocketClient(url: string) {
  // create persistent WebSocket connection
  const wsClient = createWSClient({ url: url.replace('http', 'ws') })

  // configure TRPCClient to use WebSockets transport
  const trpc = createTRPCClient<ShopRouter>({
    links: [wsLink({ client: wsClient, transformer: superjson })],
  })
  return { trpc, close: () => wsClient.close() }
}

/** As https://trpc.io/docs/client/links/httpSubscriptionLink has it: server-sent events, and HTTP for the rest. */
export function openEventSourceClient(url: string) {
  const trpc = createTRPCClient<ShopRouter>({
    links: [
      splitLink({
        // uses the httpSubscriptionLink for subscriptions
        condition: (op) => op.type === 'subscription',
        true: httpSubscriptionLink({ url, transformer: superjson }),
        false: httpBatchLink({ url, transformer: superjson }),
      }),
    ],
  })
  return { trpc, close: async () => {} }
}
