import { checkWholeNumber, type Health, type Logger, sleep, warningLogger } from '@commitcast/worker'
import { TRPCError } from '@trpc/server'
import { createContextMark } from '../context-mark.ts'
import type { DrainOptions } from '../drain-options.ts'
import { MovingAway } from '../moving-away.ts'
import { paced } from '../paced.ts'
import { createTally } from '../tally.ts'
import { closeConnection } from './close-connection.ts'

export interface LiveStreamsOptions<TContext> {
  /** Who a stream belongs to; `undefined`, or without it: no user, and not counted. */
  readonly userOf?: (options: { readonly ctx: TContext }) => string | undefined
  /** Streams of one user on this node; one more is refused with TOO_MANY_REQUESTS. Default 100. */
  readonly maxStreamsPerUser?: number
  readonly logger?: Logger
}

/** How a drain of streams went. */
export interface StreamsDrained {
  /** Asked to move. */
  readonly notified: number
  /** Still open at the deadline, for clients that take nothing: they end with their connections. */
  readonly open: number
}

/** The SSE streams of a process: how many a user may have, and how they move away. */
export interface LiveStreams<TContext> {
  /**
   * Wraps the `createContext` of a tRPC adapter for HTTP, so that subscriptions over SSE belong to these streams. Give each
   * request a context of its own: one object of a class that several requests share belongs to none.
   */
  guardContext<TOptions>(
    createContext: (options: TOptions) => TContext | Promise<TContext>,
  ): (options: TOptions) => Promise<TContext>
  /**
   * A stream begins; call what it returns when it has ended. `move` is called once, when it has to end and its client to
   * reconnect. Throws TRPCError TOO_MANY_REQUESTS for one too many, and `MovingAway` once streams are being moved.
   */
  enter(ctx: TContext, move: (away: MovingAway) => void): () => void
  /**
   * Ends all streams, at a pace and in random order, so that their clients reconnect, to other nodes; and lets no new ones
   * in. Their connections close behind them, and those of what else asks for a context. Resolves when none is open, or at
   * the deadline. Once: a second call gives the first one's promise.
   */
  drain(options?: DrainOptions): Promise<StreamsDrained>
  /** Not ready once a drain has begun. Streams now, and how many were refused so far. */
  health(): Health
}

interface StreamsOfCall {
  readonly enter: LiveStreams<unknown>['enter']
  /** Closes the connection behind the call's stream. */
  hangUp(): void
}

const mark = createContextMark<StreamsOfCall>('commitcast.streams')

/** The streams that a call over SSE belongs to; none elsewhere. */
export function streamsOf(ctx: unknown): StreamsOfCall | undefined {
  return mark.of(ctx)
}

/** Throws RangeError for a limit that is none. */
export function liveStreams<TContext>(options: LiveStreamsOptions<TContext> = {}): LiveStreams<TContext> {
  const { userOf, maxStreamsPerUser = 100, logger = warningLogger } = options
  checkWholeNumber('maxStreamsPerUser', maxStreamsPerUser)
  const moves = new Map<symbol, (away: MovingAway) => void>()
  const perUser = createTally<string>()
  let refused = 0
  let isMovingAway = false
  let onEmpty = () => {}
  let draining: Promise<StreamsDrained> | undefined

  const refuse = (user: string): TRPCError => {
    refused++
    logger.warn({ code: 'STREAM_REFUSED', user }, 'refused a stream: this user has as many as one may have')
    return tooManyStreams(maxStreamsPerUser)
  }
  const drain = async ({ afterMs = 0, overMs = 2_000, deadlineMs = 2_000, signal }: DrainOptions) => {
    await sleep(afterMs, signal)
    isMovingAway = true
    const emptied = new Promise<void>((resolve) => (onEmpty = resolve))
    let notified = 0
    await paced(moves.keys(), { overMs, signal }, (stream) => {
      const move = moves.get(stream)
      if (move) notified++
      move?.(new MovingAway())
    })
    if (moves.size > 0) await Promise.race([emptied, sleep(deadlineMs, signal)])
    return { notified, open: moves.size }
  }

  const streams: LiveStreams<TContext> = {
    guardContext: (createContext) => async (given) => {
      const { res } = { ...given } as { readonly res?: unknown }
      if (isMovingAway) closeConnection(res)
      const hangUp = () => closeConnection(res)
      const enter: StreamsOfCall['enter'] = (ctx, move) => streams.enter(ctx as TContext, andThen(hangUp, move))
      return mark.put(await createContext(given), { hangUp, enter })
    },
    enter(ctx, move) {
      if (isMovingAway) throw new MovingAway()
      const user = userOf?.({ ctx })
      if (user !== undefined) {
        if (perUser.of(user) >= maxStreamsPerUser) throw refuse(user)
        perUser.add(user)
      }
      const stream = Symbol('stream')
      moves.set(stream, move)
      return () => {
        if (!moves.delete(stream)) return
        if (user !== undefined) perUser.take(user)
        if (moves.size === 0) onEmpty()
      }
    },
    drain(drainOptions = {}) {
      draining ??= drain(drainOptions)
      return draining
    },
    health: () => ({ ready: draining === undefined, streams: moves.size, refused }),
  }
  return streams
}

function andThen<T>(first: () => void, then: (value: T) => void): (value: T) => void {
  return (value) => {
    first()
    then(value)
  }
}

function tooManyStreams(count: number): TRPCError {
  const message = `You have ${count} streams here, as many as one user may have. End one, or ask for "maxStreamsPerUser".`
  return new TRPCError({ code: 'TOO_MANY_REQUESTS', message })
}
