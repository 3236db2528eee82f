import type { ShopRouter } from '@commitcast/bookshop'
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from '@trpc/client'
import superjson from 'superjson'

/** A real tRPC client of the shop, as a browser has: commands over HTTP, subscriptions over a WebSocket. */
export function openShopClient(apiUrl: string) {
  const socket = createWSClient({ url: `${apiUrl.replace(/^http/, 'ws')}/trpc` })
  const trpc = createTRPCClient<ShopRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: wsLink({ client: socket, transformer: superjson }),
        false: httpBatchLink({ url: `${apiUrl}/trpc`, transformer: superjson }),
      }),
    ],
  })
  return { trpc, close: () => socket.close() }
}

export type ShopClient = ReturnType<typeof openShopClient>['trpc']
