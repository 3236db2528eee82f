import type { Logger } from '@commitcast/worker'
import { TRPCError, type TrackedEnvelope, tracked } from '@trpc/server'
import { type AccessLoss, AccessLost } from '../../permission/access-lost.ts'
import { type OpenOptions, openSubscription, type Subscription } from '../../subscription/subscription.ts'
import { isOurFault } from '../is-our-fault.ts'
import { MovingAway } from '../moving-away.ts'
import { streamsOf } from '../sse/live-streams.ts'
import type { Connection, Framing } from '../websocket/connection.ts'
import { connectionOf } from '../websocket/connection-of.ts'
import { FramesOutput } from '../websocket/frames-output.ts'
import type { Opening } from '../websocket/openings.ts'
import { cursorOf } from './call-cursor.ts'
import type { EndTogether } from './end-together.ts'
import { createIteratorOutput, type IteratorOutput } from './iterator-output.ts'
import { untilAborted } from './until-aborted.ts'
import { createWarning } from './warning.ts'

export interface LiveIteratorOptions extends Omit<OpenOptions, 'lastEventId' | 'signal' | 'onLost'> {
  /** The iterators that end with this one when the process serves no subscriptions any more. */
  readonly ends: EndTogether
  readonly logger: Logger
}

/** Typed by the signature of `live.subscription`. */
type Item = TrackedEnvelope<unknown>
type Result = IteratorResult<Item, undefined>

/** A subscription that was allowed to begin, and what has to stand at the end of each cursor that tRPC yields. */
interface Opened {
  readonly subscription: Subscription
  readonly tag: string | undefined
}

/**
 * What tRPC pulls a subscription from. On a WebSocket that can take finished frames it yields one opening message, by which
 * the encoder learns the request's id, and then rests while frames are written beside it. Everywhere else, and where the
 * encoder was not asked, it yields everything. Written by hand: `return`, or an abort, ends every wait at once.
 */
export class LiveIterator implements AsyncIterator<Item, undefined> {
  readonly #options: LiveIteratorOptions
  readonly #connection: Connection | undefined
  readonly #ending = new AbortController()
  #output: IteratorOutput | undefined
  #lost: AccessLost | undefined
  #moved: Error | undefined
  #leave: (() => void) | undefined
  /** The next of its steps: it begins, yields its opening, and then what there is. */
  #step: () => Promise<Result>

  constructor(options: LiveIteratorOptions) {
    this.#options = options
    this.#connection = connectionOf(options.call.ctx)
    this.#step = () => this.#begin()
  }

  async next(): Promise<Result> {
    const { failures, definition } = this.#options
    const { signal } = this.#ending
    try {
      const result = signal.aborted ? done : await this.#step()
      if (this.#moved && result.done) throw this.#moved
      return result
    } catch (error) {
      if (!signal.aborted && isOurFault(error)) failures.failed(error, definition)
      this.#end()
      throw error
    }
  }

  async return(): Promise<Result> {
    this.#end()
    return done
  }

  async #begin(): Promise<Result> {
    const { call, ends, logger } = this.#options
    if (call.signal?.aborted) return done
    call.signal?.addEventListener('abort', this.#end, { once: true })
    ends.add(this.#close)
    if (ends.hasEnded) {
      this.#close()
      return done
    }
    const connection = this.#connection
    if (!connection && cameOverSocket(call)) warnOfNoGuard(logger)
    this.#leave = connection ? connection.guarded.enter() : streamsOf(call.ctx)?.enter(call.ctx, this.#move)
    const opened = await untilAborted(this.#open(), this.#ending.signal)
    if (!opened) return done
    return connection?.framing ? this.#yieldOpening(opened, connection.framing) : this.#pull(opened)
  }

  async #open(): Promise<Opened | undefined> {
    const { call } = this.#options
    const { cursor, tag } = await cursorOf(call)
    const { signal } = this.#ending
    const subscription = await openSubscription({
      ...{ ...this.#options, lastEventId: cursor, signal },
      onLost: (loss) => this.#lose(loss),
    })
    return subscription && { subscription, tag }
  }

  #yieldOpening(opened: Opened, { openings }: Framing): Result {
    const opening = openings.open(opened.subscription.firstCursor)
    this.#ending.signal.addEventListener('abort', opening.close, { once: true })
    this.#step = () => this.#writeFrames(opened, opening)
    return toResult(tracked(opening.id, { kind: 'checkpoint' }))
  }

  async #writeFrames(opened: Opened, opening: Opening): Promise<Result> {
    opening.close()
    const request = opening.request()
    const connection = this.#connection
    if (request === undefined || !connection?.framing) {
      warnOfYields(this.#options.logger)
      return this.#pull(opened)
    }
    const frames = new FramesOutput({ connection, frames: connection.framing.frames, request })
    await untilAborted(opened.subscription.run(frames), this.#ending.signal)
    return done
  }

  #pull({ subscription, tag }: Opened): Promise<Result> {
    const output = createIteratorOutput({ signal: this.#ending.signal, connection: this.#connection, tag })
    this.#output = output
    if (this.#lost) output.fail(this.#lost)
    else subscription.run(output).catch((error) => output.fail(error))
    this.#step = async () => toResult(await output.next())
    return this.#step()
  }

  #lose(loss: AccessLoss): void {
    this.#lost = new AccessLost(loss)
    this.#connection?.guarded.close(loss)
    this.#output?.fail(this.#lost)
  }

  readonly #end = (): void => {
    const { call, ends } = this.#options
    this.#ending.abort()
    this.#leave?.()
    call.signal?.removeEventListener('abort', this.#end)
    ends.delete(this.#close)
  }

  /** Ends an SSE stream so that its client reconnects. */
  readonly #move = (away: Error): void => {
    this.#moved = away
    this.#end()
  }

  /** This process serves no subscriptions any more. */
  readonly #close = (): void => {
    const { call } = this.#options
    if (this.#connection) {
      this.#connection.guarded.close('restarting')
      this.#end()
      return
    }
    const away = new MovingAway()
    streamsOf(call.ctx)?.hangUp()
    // A stream over a WebSocket that can't be closed from here ends with an error after which `follow` of our client reconnects.
    const isSocket = cameOverSocket(call)
    this.#move(isSocket ? new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: away.message, cause: away }) : away)
  }
}

function toResult(item: unknown): Result {
  return item ? { done: false, value: item as Item } : done
}

const done = { done: true, value: undefined } as const

/** Only tRPC's WebSocket adapter calls a procedure with its router. */
function cameOverSocket(call: object): boolean {
  return 'router' in call
}

const warnOfYields = createWarning(
  'FRAMES_NOT_USED',
  'live subscriptions on WebSockets are yielded, not written as frames, which costs several times the CPU: the encoder of ' +
    'liveSockets was not asked. Give what liveSockets() returned to applyWSSHandler; if you do, two copies ' +
    'of @trpc/server run in this process (see "npm ls @trpc/server", keep one), or tRPC\'s experimental_encoder has changed.',
)

const warnOfNoGuard = createWarning(
  'LIVE_SOCKETS_MISSING',
  'live subscriptions are served over WebSockets without liveSockets: each event is made anew for each client, and a slow ' +
    'client is sent more than it takes, into memory. Give applyWSSHandler what liveSockets() makes of its options; if you ' +
    'do, createContext gives the same object of a class to several sockets.',
)
