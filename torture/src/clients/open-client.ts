import { createTRPCClient, createWSClient, httpSubscriptionLink, wsLink } from '@trpc/client'
import superjson from 'superjson'
import type { LiveRouter } from '../api/live-router.ts'

/** How events get to a client. */
export type Way = 'ws' | 'sse'

/** A tRPC client as its documentation makes one: nothing of ours in it. `url` is the server's, without a path. */
export function openClient(way: Way, url: string, { retryMs, onOpen }: { retryMs: () => number; onOpen: () => void }) {
  if (way === 'sse') {
    const link = httpSubscriptionLink<LiveRouter, typeof EventSource>({ url: `${url}/trpc`, transformer: superjson })
    return { trpc: createTRPCClient<LiveRouter>({ links: [link] }), drop: undefined, close: async () => {} }
  }
  const socket = createWSClient({ url: `${url.replace('http', 'ws')}/trpc`, retryDelayMs: retryMs, onOpen })
  return {
    trpc: createTRPCClient<LiveRouter>({ links: [wsLink({ client: socket, transformer: superjson })] }),
    /** Closes the socket under the client, which comes back by its own means. */
    drop: () => socket.connection?.ws.close(),
    close: () => socket.close(),
  }
}
