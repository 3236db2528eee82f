import type { Envelope } from '@commitcast/events'
import { createOutageLog, type Logger } from '@commitcast/worker'
import type { Transaction } from 'kysely'
import type { AuthorizeOptions } from '../../permission/authorize.ts'
import { type Personal, toDefinition } from '../../subscription/definition.ts'
import type { StateReader } from '../../subscription/state-reader.ts'
import type { SharedParts } from '../../subscription/subscription.ts'
import { type LiveResolver, markLive } from '../live-resolver.ts'
import { endTogether } from './end-together.ts'
import { LiveIterator } from './live-iterator.ts'

/** The events of a union whose `type` is one of these. An event whose `type` is any text stays as it is. */
export type EventOfTypes<TEvent extends TypedEvent, TType extends string> = [TEvent['type']] extends [TType]
  ? TEvent
  : TEvent extends unknown
    ? string extends TEvent['type']
      ? TEvent
      : TEvent['type'] extends TType
        ? TEvent
        : never
    : never

interface TypedEvent {
  readonly type: string
}

/** What `state` returns; `never` where there is none. With another default than `unknown` a missing `authorize` would be reported as a wrong `state`. */
export type StateOf<TState> = 0 extends 1 & TState ? TState : unknown extends TState ? never : TState

/** What `live.subscription` is given. */
export interface SubscriptionOptions<TContext, TInput, TType extends string, TDatabase, TState>
  extends AuthorizeOptions<TContext, TInput> {
  /** The channels whose events are sent: `order:42`, `catalog`. */
  readonly channels: (options: { ctx: TContext; input: TInput }) => readonly string[]
  /**
   * Only events of these types are sent, and the type of what is sent is narrowed to them. The cursor moves on over all
   * others, and an event on a `revokedBy` channel counts whatever its type. An event that can't be read is sent as
   * `unreadable` where its type is one of these. Default: all types.
   */
  readonly types?: readonly TType[]
  /**
   * How the personal fields of events are sent: `clear` to those whom `authorize` lets in, or `erased`, as if their subjects
   * were erased. Asked when the subscription begins. Default `clear`.
   */
  readonly personal?: Personal | ((options: { ctx: TContext; input: TInput }) => Personal)
  /**
   * Reads the state that the client starts from, with any SQL over tables that are written in the events' transactions.
   * Then exactly the events follow that it does not show yet. Default: no state, events from now on.
   */
  readonly state?: (options: { ctx: TContext; input: TInput; trx: Transaction<TDatabase> }) => Promise<TState>
}

/**
 * Makes resolvers for tRPC subscriptions, over WebSocket (`wsLink`) and SSE (`httpSubscriptionLink`). Over a WebSocket whose
 * handler has `liveSockets`, events are written as finished frames; everywhere else they are yielded.
 */
export interface Subscriptions<TEvent extends TypedEvent, TDatabase, THint = never> {
  /**
   * The events of some channels, each once, in order per key (P6): from the client's cursor on; for a client that has none,
   * from now on, or with `state` first the state and then exactly the events that it does not show yet: no gap, no overlap.
   * Throws `InvalidSubscription` where the options hold a mistake.
   */
  subscription<TContext, TInput, const TType extends TEvent['type'] = TEvent['type'], TState = unknown>(
    options: SubscriptionOptions<TContext, TInput, TType, TDatabase, TState>,
  ): LiveResolver<TContext, TInput, Envelope<EventOfTypes<TEvent, TType>, StateOf<TState>, THint>>
}

export interface SubscriptionsOptions<TDatabase> extends Pick<SharedParts, 'sharedHub' | 'offsetsBefore' | 'hints'> {
  /** The event types of the catalogue, which `types` is checked against. Without them any type may be named. */
  readonly catalogTypes?: readonly string[]
  readonly states: StateReader<TDatabase>
  readonly logger: Logger
  /** Ends all subscriptions, and each that begins later, so that its client reconnects to another node. Default: never. */
  readonly closed?: AbortSignal
}

export function createSubscriptions<TEvent extends TypedEvent, TDatabase, THint = never>(
  options: SubscriptionsOptions<TDatabase>,
): Subscriptions<TEvent, TDatabase, THint> {
  const { catalogTypes, closed, states, ...rest } = options
  const { logger } = options
  const outages = createOutageLog({
    logger,
    code: 'SUBSCRIPTION_WAITS',
    began: 'a subscription waits and tries again',
    ended: 'no subscription waits any more',
  })
  const failures = createOutageLog({
    logger,
    code: 'SUBSCRIPTION_FAILS',
    began: 'a subscription fails',
    ended: 'a subscription that failed works again',
  })
  const parts = {
    ...{ ...rest, states: states as StateReader<unknown>, outages, failures },
    ends: endTogether(closed),
  }
  return {
    // The application's types are bound by the signature; behind it there are none.
    subscription(options) {
      const definition = toDefinition(options, catalogTypes)
      return markLive((call) => ({
        [Symbol.asyncIterator]: () =>
          new LiveIterator({ ...parts, definition, call }) as AsyncIterator<never, undefined>,
      }))
    },
  }
}
