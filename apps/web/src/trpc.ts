import type { ShopRouter } from '@commitcast/bookshop'
import { commandLink, liveConnection } from '@commitcast/client'
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from '@trpc/client'
import superjson from 'superjson'

const socket = createWSClient(
  liveConnection({ url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/trpc` }),
)

/** The shop's API: commands, each with a key of its own, and queries over HTTP, subscriptions over one WebSocket. */
export const trpc = createTRPCClient<ShopRouter>({
  links: [
    commandLink(),
    splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: wsLink({ client: socket, transformer: superjson }),
      false: httpBatchLink({ url: '/trpc', transformer: superjson }),
    }),
  ],
})
