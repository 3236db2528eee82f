import type { Envelope, EventPlace, ResyncReason } from '@commitcast/events'
import { FollowError } from './follow-error.ts'
import { fullJitter } from './live-connection.ts'
import type { Callbacks, EventOf, HintOf, InputOf, LiveProcedure, StateOf, Subscription } from './live-procedure.ts'
import { logFailure } from './log-failure.ts'
import { createSeen } from './seen.ts'
import { withCursor } from './with-cursor.ts'

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
  /**
   * The server refused the subscription, or what answers is no live subscription (`UNTRACKED_MESSAGE`). Following has
   * ended.
   */
  readonly onError?: (error: unknown) => void
  /**
   * Something failed that ends nothing, as `failure.code` says: one of these callbacks threw, or an event can't be read.
   * Default: the console.
   */
  readonly onFailure?: ((failure: FollowError) => void) | undefined
}

/**
 * Follows a live subscription and hands each event over exactly once: what a reconnect or a change of servers brings
 * again is dropped by its offset. Where the connection failed, the server ended the subscription, or it answered that it
 * can't right now, it subscribes again with its last cursor, after a random time that grows until a state, an event or
 * `live` was received; only a refusal ends it.
 * Works in browsers and in Node, over `wsLink` and `httpSubscriptionLink`. Returns what ends it.
 *
 * The cursor travels beside the input, whatever that is. Where the server has no `liveSockets` (SSE), an input that is no
 * plain object, or has a strict schema, needs `.concat(cursors)` on the procedure; without it the server refuses the first
 * subscription.
 */
export function follow<TProcedure extends LiveProcedure>(
  procedure: TProcedure,
  input: InputOf<TProcedure>,
  { onState, onEvent, onHint, onResync, onStatus, onError, onFailure = logFailure }: FollowHandlers<TProcedure>,
): () => void {
  const seen = createSeen()
  let cursor: string | undefined
  let subscription: Subscription | undefined
  let retry: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let isEnded = false

  const report = (failure: FollowError) => {
    try {
      onFailure(failure)
    } catch (error) {
      logFailure(error)
    }
  }
  /** What the application's own code throws is reported, and changes nothing. */
  const call = <T>(callback: ((value: T) => void) | undefined, value: T) => {
    try {
      callback?.(value)
    } catch (cause) {
      report(new FollowError('CALLBACK_FAILED', `A callback given to follow() threw: ${String(cause)}`, cause))
    }
  }
  const take = (envelope: Sent) => {
    switch (envelope.kind) {
      case 'state':
        return call(onState, envelope.state as StateOf<TProcedure>)
      case 'event':
        if (seen.isNew(envelope.event as EventPlace)) call(onEvent, envelope.event as EventOf<TProcedure>)
        return
      case 'unreadable':
        if (seen.isNew(envelope.event)) report(unreadable(envelope.event))
        return
      case 'hint':
        return call(onHint, envelope.hint as HintOf<TProcedure>)
      case 'resync':
        seen.forget()
        return call(onResync, envelope.reason)
      case 'live':
        return call(onStatus, 'live')
      default:
        // A checkpoint, or a kind that only newer servers and clients know: its cursor is all that matters.
        return
    }
  }
  const comeBack = () => {
    if (isEnded || retry !== undefined) return
    call(onStatus, 'offline')
    retry = setTimeout(subscribe, fullJitter(failures++))
  }
  const end = () => {
    isEnded = true
    clearTimeout(retry)
    subscription?.unsubscribe()
  }
  const refuse = (error: unknown) => {
    end()
    call(onStatus, 'refused')
    call(onError, error)
  }
  const callbacks: Callbacks<Sent> = {
    onData(message) {
      if (isEnded) return
      if (!isTracked(message)) return refuse(untracked(message))
      cursor = message.id
      if (isDelivery(message.data)) failures = 0
      try {
        take(message.data)
      } catch (cause) {
        report(new FollowError('UNREADABLE_EVENT', `A message of the server can't be read: ${String(cause)}`, cause))
      }
    },
    onStarted() {
      if (!isEnded) call(onStatus, 'catching up')
    },
    onError(error) {
      if (isEnded) return
      if (isRefusal(error)) return refuse(error)
      if (isNotTransformed(error)) report(notTransformed(error))
      comeBack()
    },
    onStopped: comeBack,
    onComplete() {
      // Without a word of the server: the application closed its tRPC client.
      if (!isEnded && retry === undefined) call(onStatus, 'offline')
    },
    onConnectionStateChange({ state, error }) {
      if (!isEnded && state === 'connecting' && error) call(onStatus, 'offline')
    },
  }
  const subscribe = () => {
    retry = undefined
    try {
      subscription = procedure.subscribe(withCursor(input, cursor) as never, callbacks as never)
    } catch (error) {
      // Nothing was sent: its input can't be, or a link threw.
      return refuse(error)
    }
    if (isEnded) subscription.unsubscribe()
  }
  call(onStatus, 'connecting')
  subscribe()
  return end
}

type Sent = Envelope<unknown, unknown>

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

/**
 * Whether the subscription works: the server sends other kinds before it has read the state, and may fail then. Until it works
 * the pauses grow.
 */
function isDelivery({ kind }: Sent): boolean {
  return kind === 'state' || kind === 'event' || kind === 'unreadable' || kind === 'live'
}

/** Whether it is what `live.subscription` sends: an envelope, with its cursor as the id. */
function isTracked(message: unknown): message is { readonly id: string; readonly data: Sent } {
  const { id, data } = (message ?? {}) as { id?: unknown; data?: { kind?: unknown } | null }
  return typeof id === 'string' && typeof data?.kind === 'string'
}

function untracked(message: unknown): FollowError {
  return new FollowError(
    'UNTRACKED_MESSAGE',
    'The server sent a message without a cursor. Either two copies of @trpc/server run in its process (see ' +
      '"npm ls @trpc/server", keep one), or the procedure does not return what live.subscription made.',
    message,
  )
}

function unreadable({ id, type, partition, offset }: EventPlace & { readonly id: string; readonly type: string }) {
  return new FollowError(
    'UNREADABLE_EVENT',
    `Event ${id} ("${type}", partition ${partition}, offset ${offset}) can't be read and was left out.`,
  )
}

function isNotTransformed(error: unknown): boolean {
  return (error as { message?: unknown } | null)?.message === 'Unable to transform response from server'
}

function notTransformed(cause: unknown): FollowError {
  return new FollowError(
    'UNREADABLE_EVENT',
    "This client's transformer can't read what the server sent. Both need the same one, with the same custom types.",
    cause,
  )
}
