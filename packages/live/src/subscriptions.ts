import { decodeCursor, type Envelope, type ResyncReason } from '@commitcast/events'
import { isOutage, type Logger, untilItWorks } from '@commitcast/worker'
import { TRPCError, type TrackedEnvelope, tracked } from '@trpc/server'
import type { Transaction } from 'kysely'
import { createFollower, type Delivery, type Follower, MustResync } from './follower.ts'
import type { Hub } from './hub.ts'
import type { StateReader } from './state.ts'

/** What a tRPC resolver gets, as far as a live subscription needs it. */
export interface ResolverOptions<TContext, TInput> {
  readonly ctx: TContext
  readonly input: TInput
  readonly signal?: AbortSignal | undefined
}

/** What a tRPC subscription's resolver returns: every yield is tracked, so a client never loses its cursor. */
export type TrackedStream<TEnvelope> = AsyncIterable<TrackedEnvelope<TEnvelope>, void>

export interface FollowOptions<TContext, TInput> {
  /** What to follow: `order:42`, `catalog`. */
  readonly channels: (options: { ctx: TContext; input: TInput }) => readonly string[]
  /** Whether this client may; asked when it subscribes and each time it comes back. Default: yes. */
  readonly authorize?: (options: { ctx: TContext; input: TInput }) => boolean | Promise<boolean>
}

export interface QueryOptions<TContext, TInput, TDatabase, TState> extends FollowOptions<TContext, TInput> {
  /** Reads the state that the client starts from, with any SQL over tables that are written in the events' transactions. */
  readonly state: (options: { ctx: TContext; input: TInput; trx: Transaction<TDatabase> }) => Promise<TState>
}

/** Makes resolvers for tRPC subscriptions, over WebSocket (`wsLink`) and SSE (`httpSubscriptionLink`). */
export interface Subscriptions<TEvent, TDatabase> {
  /** The events of some channels from now on, or from the client's cursor on, each once, in order per key (P6). */
  follow<TContext, TInput>(
    options: FollowOptions<TContext, TInput>,
  ): (options: ResolverOptions<TContext, TInput>) => TrackedStream<Envelope<TEvent>>
  /** First the state, then exactly the events that it does not show yet: no gap, no overlap (P6). */
  query<TContext, TInput, TState>(
    options: QueryOptions<TContext, TInput, TDatabase, TState>,
  ): (options: ResolverOptions<TContext, TInput>) => TrackedStream<Envelope<TEvent, TState>>
}

export interface SubscriptionsOptions<TDatabase> {
  /** The hub of this process, in the topic's present epoch. */
  readonly sharedHub: () => Promise<Hub>
  readonly states: StateReader<TDatabase>
  readonly logger: Logger
}

export function createSubscriptions<TEvent, TDatabase>(
  parts: SubscriptionsOptions<TDatabase>,
): Subscriptions<TEvent, TDatabase> {
  return {
    follow: (options) => (call) => stream({ ...parts, ...options, call }) as TrackedStream<Envelope<TEvent>>,
    query: (options) => (call) =>
      stream({ ...parts, ...options, call }) as TrackedStream<
        Envelope<TEvent, Awaited<ReturnType<typeof options.state>>>
      >,
  }
}

interface Streaming<TContext, TInput, TDatabase, TState>
  extends SubscriptionsOptions<TDatabase>,
    FollowOptions<TContext, TInput> {
  readonly state?: QueryOptions<TContext, TInput, TDatabase, TState>['state']
  readonly call: ResolverOptions<TContext, TInput>
}

const maxTake = 100
/** How often a quiet client gets a newer cursor, so that its old one does not age out of the log. */
const checkpointMs = 20_000

/**
 * The life of one subscription. It never returns and never throws for trouble that passes: a client would not come back.
 * All of its waits end with `signal`, so that it is cleaned up when the client goes.
 */
async function* stream<TContext, TInput, TDatabase, TState>(
  options: Streaming<TContext, TInput, TDatabase, TState>,
): AsyncGenerator<TrackedEnvelope<Envelope<unknown, TState>>, void> {
  const { call, channels, authorize } = options
  const { ctx, input } = call
  const signal = call.signal ?? new AbortController().signal
  if (authorize && !(await authorize({ ctx, input }))) {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'You may not follow this.' })
  }
  const join = async () => {
    const hub = await patiently(options.sharedHub, { signal, logger: options.logger })
    return (
      hub && { ...options, signal, hub, follower: createFollower({ hub, channels: channels({ ctx, input }), signal }) }
    )
  }
  let running = await join()
  try {
    if (!running) return
    const lastEventId = await lastEventIdOf(call)
    let isFresh = lastEventId === undefined
    let resync = isFresh ? undefined : await resume(running, lastEventId)
    while (!signal.aborted) {
      if (resync !== undefined) yield tracked(resyncCursor, { kind: 'resync', reason: resync })
      if (resync !== undefined || isFresh) {
        let state = await startOver(running)
        while (state === 'in another epoch') {
          running.follower.detach()
          running = await join()
          if (!running) return
          state = await startOver(running)
        }
        if (state) yield tracked(running.follower.cursor, { kind: 'state', state: state.value })
      }
      isFresh = false
      resync = yield* tail(running)
    }
  } finally {
    running?.follower.detach()
  }
}

/** No cursor at all: a client that drops before it got the state must be told to resync again. */
const resyncCursor = 'resync'

interface Running {
  readonly hub: Hub
  readonly follower: Follower
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** Continues at the client's cursor, where that can be done. */
async function resume(running: Running, lastEventId: string | undefined): Promise<ResyncReason | undefined> {
  const cursor = decodeCursor(lastEventId)
  if (!cursor) return 'cursor'
  return reasonOf(() => patiently(() => running.follower.seek(cursor), running))
}

/** From the present on; state first where there is one. The follower stands before the state is read, so nothing is missed. */
async function startOver<TContext, TInput, TDatabase, TState>(
  running: Running & Streaming<TContext, TInput, TDatabase, TState>,
): Promise<{ readonly value: TState } | 'in another epoch' | undefined> {
  const { call, state, states, hub, follower } = running
  if (hub.hasEnded) return 'in another epoch'
  follower.seekEnd()
  if (!state) return undefined
  const load = (trx: Transaction<TDatabase>) => state({ ctx: call.ctx, input: call.input, trx })
  const reading = await patiently(() => states.read(load), running)
  if (!reading) return undefined
  hub.endUnlessIn(reading.epoch)
  if (hub.hasEnded) return 'in another epoch'
  follower.skipVisible(reading.snapshot)
  return { value: reading.state }
}

/** Events as they come; returns why it can't go on. */
async function* tail(
  running: Running,
): AsyncGenerator<TrackedEnvelope<Envelope<unknown, never>>, ResyncReason | undefined> {
  const { follower, signal } = running
  let sent = ''
  for (let isLive = false; !signal.aborted; ) {
    let deliveries: readonly Delivery[] | undefined
    const reason = await reasonOf(async () => {
      deliveries = await patiently(() => follower.take(maxTake), running)
    })
    if (reason !== undefined) return reason
    for (const { cursor, event } of deliveries ?? []) {
      sent = cursor
      yield tracked(cursor, { kind: 'event', event })
    }
    if (deliveries === undefined || deliveries.length > 0) continue
    if (!isLive) {
      isLive = true
      sent = follower.cursor
      yield tracked(sent, { kind: 'live' })
    }
    const hasNews = await follower.wait(checkpointMs)
    if (!hasNews && !signal.aborted && follower.cursor !== sent) {
      sent = follower.cursor
      yield tracked(sent, { kind: 'checkpoint' })
    }
  }
  return undefined
}

async function reasonOf(act: () => Promise<unknown>): Promise<ResyncReason | undefined> {
  try {
    await act()
    return undefined
  } catch (error) {
    if (error instanceof MustResync) return error.reason
    throw error
  }
}

/** Trouble that passes is waited out; what the client has to know of is thrown. */
function patiently<T>(
  act: () => Promise<T>,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Promise<T | undefined> {
  return untilItWorks(act, {
    signal,
    onError(error) {
      if (!isOutage(error)) throw error
      logger.error({ err: error }, 'a subscription waits and tries again')
    },
  })
}

/** tRPC merges it into the raw input; a procedure's own schema may well drop it. */
async function lastEventIdOf(call: ResolverOptions<unknown, unknown>): Promise<string | undefined> {
  const read = (call as { getRawInput?: () => Promise<unknown> }).getRawInput
  const raw = (read ? await read() : call.input) as { lastEventId?: unknown } | null | undefined
  const id = typeof raw === 'object' ? raw?.lastEventId : undefined
  return id === undefined || id === null ? undefined : String(id)
}
