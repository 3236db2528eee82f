import type { Envelope, EventPlace, ResyncReason } from '@commitcast/events'
import { fullJitter } from './live-connection.ts'
import type { Callbacks, EventOf, HintOf, InputOf, LiveProcedure, StateOf, Subscription } from './live-procedure.ts'
import { createSeen } from './seen.ts'

/** What is known of a subscription's connection. */
export type FollowStatus = 'connecting' | 'catching up' | 'live' | 'offline' | 'refused'

export interface FollowHandlers<TProcedure extends LiveProcedure> {
  /** The state to start from; comes first and again after a resync. */
  readonly onState?: (state: StateOf<TProcedure>) => void
  /** Each event once, in order per key, also over reconnects. */
  readonly onEvent?: (event: EventOf<TProcedure>) => void
  /** What may get lost, as it happens: presence, typing. */
  readonly onHint?: (hint: HintOf<TProcedure>) => void
  /** What was seen before can't be continued; for a state-first subscription the state follows. */
  readonly onResync?: (reason: ResyncReason) => void
  readonly onStatus?: (status: FollowStatus) => void
  /** The server refused the subscription; it does not come back by itself. */
  readonly onError?: (error: unknown) => void
}

/**
 * Follows a live subscription and hands each event over exactly once: what a reconnect or a change of servers brings
 * again is dropped by its offset. Where the connection failed, the server ended the subscription, or it answered that it
 * can't right now, it subscribes again with its last cursor, after a random and growing time; only a refusal ends it.
 * Works in browsers and in Node, over `wsLink` and `httpSubscriptionLink`. Returns what ends it.
 */
export function follow<TProcedure extends LiveProcedure>(
  procedure: TProcedure,
  input: InputOf<TProcedure>,
  { onState, onEvent, onHint, onResync, onStatus, onError }: FollowHandlers<TProcedure>,
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
      case 'hint':
        return onHint?.(envelope.hint as HintOf<TProcedure>)
      case 'resync':
        seen.forget()
        return onResync?.(envelope.reason)
      case 'live':
        return onStatus?.('live')
      default:
        // A checkpoint, or a kind that only newer servers and clients know: its cursor is all that matters.
        return
    }
  }
  const comeBack = () => {
    if (isEnded || retry !== undefined) return
    onStatus?.('offline')
    retry = setTimeout(subscribe, fullJitter(failures++))
  }
  const callbacks: Callbacks<Envelope<unknown, unknown>> = {
    onData({ id, data }) {
      if (isEnded) return
      cursor = id
      failures = 0
      take(data)
    },
    onStarted: () => onStatus?.('catching up'),
    onError(error) {
      if (isEnded) return
      if (!isRefusal(error)) return comeBack()
      onStatus?.('refused')
      onError?.(error)
    },
    onStopped: comeBack,
    onComplete() {
      // Without a word of the server: the application closed its tRPC client.
      if (!isEnded && retry === undefined) onStatus?.('offline')
    },
    onConnectionStateChange({ state, error }) {
      if (state === 'connecting' && error) onStatus?.('offline')
    },
  }
  const subscribe = () => {
    retry = undefined
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

/** Answers that say nothing against the subscription: it may go through another time. */
const passing = new Set([
  'INTERNAL_SERVER_ERROR',
  'BAD_GATEWAY',
  'SERVICE_UNAVAILABLE',
  'GATEWAY_TIMEOUT',
  'TIMEOUT',
  'TOO_MANY_REQUESTS',
])

/** tRPC puts the server's own words into `data`; an error without them came from the connection. */
function isRefusal(error: unknown): boolean {
  const { data } = error as { data?: { code?: unknown } | null }
  return typeof data?.code === 'string' && !passing.has(data.code)
}
