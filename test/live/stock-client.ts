import type { Envelope, LiveEvent } from '@commitcast/events'
import { createTRPCClient, createWSClient, httpSubscriptionLink, type TRPCClientError, wsLink } from '@trpc/client'
import superjson from 'superjson'
import type { Note, TestRouter, Way } from './live-node.ts'

type Told = Envelope<LiveEvent & { readonly data: Note }, unknown>

/** A tRPC client as its documentation makes one: nothing of ours in it. `url` is asked at every connection. */
export function openStockClient(way: Way, url: () => string) {
  if (way === 'sse') {
    const link = httpSubscriptionLink<TestRouter, typeof EventSource>({ url, transformer: superjson })
    return { trpc: createTRPCClient<TestRouter>({ links: [link] }), close: async () => {} }
  }
  const socket = createWSClient({
    url: () => url().replace('http', 'ws'),
    retryDelayMs: () => 5,
  })
  return {
    trpc: createTRPCClient<TestRouter>({ links: [wsLink({ client: socket, transformer: superjson })] }),
    close: () => socket.close(),
  }
}

export type StockClient = ReturnType<typeof openStockClient>

/** Subscribes and notes all that is told. */
export function listen(
  { trpc }: StockClient,
  path: 'follow' | 'count' | 'refused' | 'missing',
  input: { channel?: string; lastEventId?: string } = {},
  onTold: (id: string, envelope: Told) => void = () => {},
) {
  const told: Told[] = []
  const errors: string[] = []
  const heard = {
    told,
    errors,
    cursor: '',
    started: 0,
    get numbers() {
      return told.flatMap((envelope) => (envelope.kind === 'event' ? [envelope.event.data.n] : []))
    },
    /** Without checkpoints, and events counted once: `state`, `live`, `event`. */
    get kinds() {
      return told.map(({ kind }) => kind).filter((kind, at, all) => kind !== 'checkpoint' && kind !== all[at - 1])
    },
    isLive: () => told.some(({ kind }) => kind === 'live'),
    end: () => subscription.unsubscribe(),
  }
  const subscription = trpc[path].subscribe(input as { channel: string }, {
    onStarted: () => void heard.started++,
    onData({ id, data }: { id: string; data: unknown }) {
      heard.cursor = id
      told.push(data as Told)
      onTold(id, data as Told)
    },
    onError: (error: TRPCClientError<TestRouter>) => errors.push(error.data?.code ?? String(error)),
  })
  return heard
}
