import { TRPCError, type TrackedEnvelope, tracked } from '@trpc/server'
import { AccessLost } from '../../permission/access-lost.ts'
import { type OpenOptions, openSubscription, type Subscription } from '../../subscription/subscription.ts'
import { isOurFault } from '../is-our-fault.ts'
import { MovingAway } from '../moving-away.ts'
import { streamsOf } from '../sse/live-streams.ts'
import type { Framing } from '../websocket/connection.ts'
import { connectionOf } from '../websocket/connection-of.ts'
import { FramesOutput } from '../websocket/frames-output.ts'
import type { Opening } from '../websocket/openings.ts'
import { createIteratorOutput, type IteratorOutput } from './iterator-output.ts'
import { untilAborted } from './until-aborted.ts'
import { createWarning } from './warning.ts'

export type LiveIteratorOptions = Omit<OpenOptions, 'signal' | 'onLost'>

/** Typed by who defined the subscription. */
type Item = TrackedEnvelope<unknown>
type Result = IteratorResult<Item, undefined>

/**
 * What tRPC pulls a subscription from. On a WebSocket that can take finished frames it yields one opening message, by which
 * the encoder learns the request's id, and then rests while frames are written beside it. Everywhere else, and where the
 * encoder was not asked, it yields everything. Written by hand: `return`, or an abort, ends every wait at once.
 */
export function openLiveIterator(options: LiveIteratorOptions): AsyncIterator<Item, undefined> {
  const { call, logger, ends } = options
  const connection = connectionOf(call.ctx)
  const ending = new AbortController()
  const { signal } = ending
  let output: IteratorOutput | undefined
  let lost: AccessLost | undefined
  let moved: Error | undefined
  let leave: (() => void) | undefined

  const end = () => {
    ending.abort()
    leave?.()
    call.signal?.removeEventListener('abort', end)
    ends.delete(close)
  }
  /** Ends an SSE stream so that its client comes back. */
  const move = (away: Error) => {
    moved = away
    end()
  }
  /** This process serves no subscriptions any more. */
  const close = () => {
    if (connection) {
      connection.guarded.close('restarting')
      return end()
    }
    const away = new MovingAway()
    streamsOf(call.ctx)?.hangUp()
    // A stream over a WebSocket that can't be closed from here ends with what `follow` of our client comes back after.
    if (cameOverSocket(call)) move(new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: away.message, cause: away }))
    else move(away)
  }
  const begin = async (): Promise<Result> => {
    if (call.signal?.aborted) return done
    call.signal?.addEventListener('abort', end, { once: true })
    ends.add(close)
    if (ends.hasEnded) {
      close()
      return done
    }
    if (!connection && cameOverSocket(call)) warnOfNoGuard(logger)
    leave = connection ? connection.guarded.enter() : streamsOf(call.ctx)?.enter(call.ctx, move)
    const onLost = (loss: AccessLost['loss']) => {
      lost = new AccessLost(loss)
      if (connection) connection.guarded.close(loss)
      output?.fail(lost)
    }
    const subscription = await untilAborted(openSubscription({ ...options, signal, onLost }), signal)
    if (!subscription) return done
    return connection?.framing ? open(subscription, connection.framing) : pull(subscription)
  }
  const open = (subscription: Subscription, { openings }: Framing): Result => {
    const opening = openings.open(subscription.firstCursor)
    signal.addEventListener('abort', opening.close, { once: true })
    next = () => goOn(subscription, opening)
    return toResult(tracked(opening.id, { kind: 'checkpoint' }))
  }
  const goOn = async (subscription: Subscription, opening: Opening): Promise<Result> => {
    opening.close()
    const request = opening.request()
    if (request === undefined || !connection?.framing) {
      warnOfYields(logger)
      return pull(subscription)
    }
    const frames = new FramesOutput({ connection, frames: connection.framing.frames, request })
    await untilAborted(subscription.run(frames), signal)
    return done
  }
  const pull = (subscription: Subscription): Promise<Result> => {
    const pulled = createIteratorOutput({ signal, connection, tag: subscription.tag })
    output = pulled
    if (lost) pulled.fail(lost)
    else subscription.run(pulled).catch(pulled.fail)
    next = async () => toResult(await pulled.next())
    return next()
  }
  const toResult = (item: unknown): Result => (item ? { done: false, value: item as Item } : done)
  let next = begin

  return {
    async next() {
      try {
        const result = signal.aborted ? done : await next()
        if (moved && result.done) throw moved
        return result
      } catch (error) {
        if (!signal.aborted && isOurFault(error)) options.failures.failed(error, options.definition)
        end()
        throw error
      }
    },
    async return() {
      end()
      return done
    },
  }
}

const done = { done: true, value: undefined } as const

/** Only tRPC's WebSocket adapter calls a procedure with its router. */
function cameOverSocket(call: object): boolean {
  return 'router' in call
}

const warnOfYields = createWarning(
  'live subscriptions on WebSockets are yielded, not written as frames, which costs several times the CPU: the encoder of ' +
    'liveSockets was not asked. Give what liveSockets() returned to applyWSSHandler; if you do, two copies ' +
    'of @trpc/server run in this process (see "npm ls @trpc/server", keep one), or tRPC\'s experimental_encoder has changed.',
)

const warnOfNoGuard = createWarning(
  'live subscriptions are served over WebSockets without liveSockets: each event is made anew for each client, and a slow ' +
    'client is sent more than it takes, into memory. Give applyWSSHandler what liveSockets() makes of its options; if you ' +
    'do, createContext gives the same object of a class to several sockets.',
)
