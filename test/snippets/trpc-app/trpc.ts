import { liveConnection } from '@commitcast/client'
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from '@trpc/client'
import superjson from 'superjson'
import type { Router } from './router.ts'

const address = `localhost:${process.env.PORT ?? 3000}/trpc`

// Opened by the first subscription.
const socket = createWSClient(liveConnection({ url: `ws://${address}`, lazy: { enabled: true, closeMs: 1_000 } }))

export const trpc = createTRPCClient<Router>({
  links: [
    splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: wsLink({ client: socket, transformer: superjson }),
      false: httpBatchLink({ url: `http://${address}`, transformer: superjson }),
    }),
  ],
})
