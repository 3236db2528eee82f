import type { Envelope } from '@commitcast/events'
import { createOutageLog, type Logger, type OutageLog } from '@commitcast/worker'
import type { TrackedEnvelope } from '@trpc/server'
import type { Transaction } from 'kysely'
import { markLive } from './cursors/live-resolvers.ts'
import { type EndTogether, endTogether } from './end-together.ts'
import type { AuthorizeOptions } from './guards/authorize.ts'
import type { LiveHints } from './hints/live-hints.ts'
import type { Hub } from './hub.ts'
import { openLiveIterator } from './live-iterator.ts'
import type { StateReader } from './state.ts'

/** What a tRPC resolver gets, as far as a live subscription needs it. */
export interface ResolverOptions<TContext, TInput> {
  readonly ctx: TContext
  readonly input: TInput
  readonly signal?: AbortSignal | undefined
}

/** What a tRPC subscription's resolver returns: every yield is tracked, so a client never loses its cursor. */
export type TrackedStream<TEnvelope> = AsyncIterable<TrackedEnvelope<TEnvelope>, void>

export interface FollowOptions<TContext, TInput> extends AuthorizeOptions<TContext, TInput> {
  /** What to follow: `order:42`, `catalog`. */
  readonly channels: (options: { ctx: TContext; input: TInput }) => readonly string[]
}

export interface QueryOptions<TContext, TInput, TDatabase, TState> extends FollowOptions<TContext, TInput> {
  /** Reads the state that the client starts from, with any SQL over tables that are written in the events' transactions. */
  readonly state: (options: { ctx: TContext; input: TInput; trx: Transaction<TDatabase> }) => Promise<TState>
}

/**
 * Makes resolvers for tRPC subscriptions, over WebSocket (`wsLink`) and SSE (`httpSubscriptionLink`). Over a WebSocket whose
 * handler has `liveSockets`, events are written as finished frames; everywhere else they are yielded.
 */
export interface Subscriptions<TEvent, TDatabase, THint = never> {
  /** The events of some channels from now on, or from the client's cursor on, each once, in order per key (P6). */
  follow<TContext, TInput>(
    options: FollowOptions<TContext, TInput>,
  ): (options: ResolverOptions<TContext, TInput>) => TrackedStream<Envelope<TEvent, never, THint>>
  /** First the state, then exactly the events that it does not show yet: no gap, no overlap (P6). */
  query<TContext, TInput, TState>(
    options: QueryOptions<TContext, TInput, TDatabase, TState>,
  ): (options: ResolverOptions<TContext, TInput>) => TrackedStream<Envelope<TEvent, TState, THint>>
}

export interface SubscriptionsOptions<TDatabase> {
  /** The hub of this process, in the topic's present epoch. */
  readonly sharedHub: () => Promise<Hub>
  readonly states: StateReader<TDatabase>
  /** The last offset of each partition of an epoch that was assigned before a moment. Needed where `authorize` answers `since`. */
  readonly offsetsBefore?: (epoch: number, moment: Date) => Promise<readonly number[]>
  /** Where an app declared hints: who follows a channel gets those of the channel, too. */
  readonly hints?: LiveHints | undefined
  readonly logger: Logger
  /** Ends all subscriptions, and each that begins later, so that its client reconnects to another node. Default: never. */
  readonly closed?: AbortSignal
}

/** What all subscriptions of a process share. */
export interface SharedParts<TDatabase> extends SubscriptionsOptions<TDatabase> {
  readonly outages: OutageLog
  /** Where it is logged, by procedure, that the application's own code throws. */
  readonly failures: OutageLog
  /** Ends them all when `closed` aborts. */
  readonly ends: EndTogether
}

export function createSubscriptions<TEvent, TDatabase, THint = never>(
  options: SubscriptionsOptions<TDatabase>,
): Subscriptions<TEvent, TDatabase, THint> {
  const { logger } = options
  const outages = createOutageLog({
    logger,
    began: 'a subscription waits and tries again',
    ended: 'no subscription waits any more',
  })
  const failures = createOutageLog({
    logger,
    began: 'a subscription fails',
    ended: 'a subscription that failed works again',
  })
  const parts: SharedParts<TDatabase> = { ...options, outages, failures, ends: endTogether(options.closed) }
  return {
    follow: (options) =>
      markLive((call) => ({
        [Symbol.asyncIterator]: () =>
          openLiveIterator<Envelope<TEvent, never, THint>, typeof call.ctx, typeof call.input, TDatabase>({
            ...parts,
            ...options,
            procedure: options,
            call,
          }),
      })),
    query: (options) =>
      markLive((call) => ({
        [Symbol.asyncIterator]: () => openLiveIterator({ ...parts, ...options, procedure: options, call }),
      })),
  }
}
