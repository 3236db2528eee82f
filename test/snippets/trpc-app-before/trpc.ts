import { createTRPCClient, httpBatchLink } from '@trpc/client'
import superjson from 'superjson'
import type { Router } from './router.ts'

export const trpc = createTRPCClient<Router>({
  links: [httpBatchLink({ url: `http://localhost:${process.env.PORT ?? 3000}/trpc`, transformer: superjson })],
})
