import { createLiveStore, liveConnection } from '@commitcast/client'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import superjson from 'superjson'
import type { ShopRouter } from './shop.ts'

export interface FollowerOptions {
  /** Its number among the clients. */
  readonly client: number
  readonly port: number
  readonly channel: string
  /** This machine's clock, in ms since 1970. */
  readonly now: () => number
  /** Told of each event when the reducer has made the next state of it. */
  readonly onReduced: (arrival: Arrival) => void
}

/** An event at one client. */
export interface Arrival {
  readonly client: number
  readonly id: string
  /** When its message came out of the socket, before anything looked at it. */
  readonly arrivedAt: number
  /** When the reducer had made the next state of it. */
  readonly reducedAt: number
}

/** A client as in a browser: tRPC's own over Node's WebSocket, and a store that reduces what it follows. */
export async function openFollower({ client, port, channel, now, onReduced }: FollowerOptions): Promise<() => void> {
  let arrivedAt = 0
  const noticing = new Proxy(WebSocket, {
    construct(Socket, [url, protocols]) {
      const opened = new Socket(url, protocols)
      // Before tRPC's listener, which hands the message on to the reducer at once.
      opened.addEventListener('message', () => {
        arrivedAt = now()
      })
      return opened
    },
  })
  const socket = createWSClient(liveConnection({ url: `ws://127.0.0.1:${port}/trpc`, WebSocket: noticing }))
  const trpc = createTRPCClient<ShopRouter>({ links: [wsLink({ client: socket, transformer: superjson })] })
  const store = createLiveStore(() => ({
    procedure: trpc.orders,
    input: { channel },
    reducers: {
      'order.placed': (state, { id, metadata }) => {
        const next = { orders: state.orders + 1, newestBy: metadata.customer?.name ?? '' }
        onReduced({ client, id, arrivedAt, reducedAt: now() })
        return next
      },
    },
  }))
  const live = Promise.withResolvers<void>()
  const stop = store.subscribe(() => store.view().status === 'live' && live.resolve())
  await live.promise
  return () => {
    stop()
    void socket.close()
  }
}
