import type { ShopRouter } from '@commitcast/bookshop'
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from '@trpc/client'
import superjson from 'superjson'

const socket = createWSClient({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/trpc`,
  keepAlive: { enabled: true, intervalMs: 20_000, pongTimeoutMs: 10_000 },
  retryDelayMs: (attempt) => Math.random() * Math.min(5_000, 500 * 2 ** attempt),
})

/** The shop's API: commands and queries over HTTP, subscriptions over one WebSocket. */
export const trpc = createTRPCClient<ShopRouter>({
  links: [
    splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: wsLink({ client: socket, transformer: superjson }),
      false: httpBatchLink({ url: '/trpc', transformer: superjson }),
    }),
  ],
})
