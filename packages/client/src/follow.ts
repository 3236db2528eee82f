import type { Envelope, EventPlace, ResyncReason } from '@commitcast/events'
import type { Callbacks, EventOf, InputOf, LiveProcedure, StateOf, Subscription } from './live-procedure.ts'

/** What is known of a subscription's connection. */
export type FollowStatus = 'connecting' | 'catching up' | 'live' | 'offline' | 'refused'

export interface FollowHandlers<TProcedure extends LiveProcedure> {
  /** The state to start from; comes first and again after a resync. */
  readonly onState?: (state: StateOf<TProcedure>) => void
  /** Each event once, in order per key, also over reconnects. */
  readonly onEvent?: (event: EventOf<TProcedure>) => void
  /** What was seen before can't be continued; for a state-first subscription the state follows. */
  readonly onResync?: (reason: ResyncReason) => void
  readonly onStatus?: (status: FollowStatus) => void
  /** The server refused the subscription; it does not come back by itself. */
  readonly onError?: (error: unknown) => void
}

/**
 * Follows a live subscription and hands each event over exactly once: what a reconnect or a change of servers brings
 * again is dropped by its offset. Where the connection itself failed it subscribes again with its last cursor; only an
 * answer of the server ends it. Works in browsers and in Node, over `wsLink` and `httpSubscriptionLink`.
 * Returns what ends it.
 */
export function follow<TProcedure extends LiveProcedure>(
  procedure: TProcedure,
  input: InputOf<TProcedure>,
  { onState, onEvent, onResync, onStatus, onError }: FollowHandlers<TProcedure>,
): () => void {
  const seen = createSeen()
  let cursor: string | undefined
  let subscription: Subscription | undefined
  let retry: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let isEnded = false

  const take = (envelope: Envelope<unknown, unknown>) => {
    switch (envelope.kind) {
      case 'state':
        return onState?.(envelope.state as StateOf<TProcedure>)
      case 'event':
        if (seen.isNew(envelope.event as EventPlace)) onEvent?.(envelope.event as EventOf<TProcedure>)
        return
      case 'resync':
        seen.forget()
        return onResync?.(envelope.reason)
      case 'live':
        return onStatus?.('live')
      case 'checkpoint':
        return
    }
  }
  const callbacks: Callbacks<Envelope<unknown, unknown>> = {
    onData({ id, data }) {
      cursor = id
      failures = 0
      take(data)
    },
    onStarted: () => onStatus?.('catching up'),
    onError(error) {
      if (isEnded) return
      if (isAnswer(error)) {
        onStatus?.('refused')
        onError?.(error)
      } else {
        onStatus?.('offline')
        retry = setTimeout(subscribe, Math.random() * Math.min(maxRetryMs, 250 * 2 ** Math.min(failures++, 10)))
      }
    },
    onConnectionStateChange({ state, error }) {
      if (state === 'connecting' && error) onStatus?.('offline')
    },
  }
  const subscribe = () => {
    const resumed = cursor === undefined ? input : { ...(input as object), lastEventId: cursor }
    subscription = procedure.subscribe(resumed as never, callbacks as never)
  }
  onStatus?.('connecting')
  subscribe()
  return () => {
    isEnded = true
    clearTimeout(retry)
    subscription?.unsubscribe()
  }
}

const maxRetryMs = 10_000

/** tRPC puts the server's own words into `data`; an error without them came from the connection. */
function isAnswer(error: unknown): boolean {
  const { data } = error as { data?: { code?: unknown } | null }
  return data?.code !== undefined
}

/** The highest offset of each partition; offsets of one partition only grow. */
function createSeen() {
  let epoch = 0
  const offsets = new Map<number, number>()
  return {
    isNew(place: EventPlace): boolean {
      if (place.epoch < epoch) return false
      if (place.epoch > epoch) offsets.clear()
      epoch = place.epoch
      if (place.offset <= (offsets.get(place.partition) ?? 0)) return false
      offsets.set(place.partition, place.offset)
      return true
    },
    forget() {
      offsets.clear()
    },
  }
}
