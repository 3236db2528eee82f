import { type Health, type Logger, warningLogger } from '@commitcast/worker'
import type { DrainOptions } from '../drain-options.ts'
import { createTally } from '../tally.ts'
import { createBufferBudget } from './buffer-budget.ts'
import { checkUpgrades, type UpgradeRefusal } from './check-upgrades.ts'
import type { Closing } from './closings.ts'
import { type Drained, drainSockets } from './drain-sockets.ts'
import type { GuardedSocket } from './guarded-socket.ts'
import { defaultLimits, type Limits, limitsWithDefaults, type UserOf } from './limits.ts'
import { createOpenSockets } from './open-sockets.ts'
import type { Socket, SocketRequest, SocketServer } from './socket-server.ts'

export interface SocketGuardOptions<TContext> {
  readonly wss: SocketServer
  /** The same as `applyWSSHandler`'s: sockets whose URL does not start with this are not tRPC's, and not guarded. */
  readonly prefix?: string | undefined
  /**
   * From which pages' origins a browser may connect: `https://shop.example`. Default: from the host that it connects to,
   * at any port. `'any'` lets all in. A client that sends no `Origin` is no browser, and is let in.
   */
  readonly origins?: readonly string[] | 'any' | undefined
  /** Single limits other than the defaults. */
  readonly limits?: Partial<Limits> | undefined
  /** Who a socket belongs to; without it no sockets are counted. */
  readonly userOf?: UserOf<TContext> | undefined
  /** How messages are written, where that is not JSON. */
  readonly encoder?: { encode(message: unknown): string | Uint8Array } | undefined
  readonly logger?: Logger | undefined
}

/**
 * Guards the sockets of one `WebSocketServer`: who may open one, how many, how large, for how long unknown, and how they
 * move away. Takes effect at once, on the server that it was given; `applyWSSHandler` has to come after it.
 */
export interface SocketGuard<TContext> {
  /** Wraps `createContext` so that its time is limited and the user's sockets are counted. Both limits need it. */
  guardContext<TOptions extends ContextOptions>(
    createContext: (options: TOptions) => TContext | Promise<TContext>,
  ): (options: TOptions) => Promise<TContext>
  /** What is known of an open socket of this server. */
  of(socket: Socket): GuardedSocket | undefined
  /** Moves all clients to other nodes, at a pace, and lets no new ones in. Once: a second call gives the first one's promise. */
  drain(options?: DrainOptions): Promise<Drained>
  /**
   * Not ready once a drain has begun. Sockets, subscriptions and buffered bytes now; what was refused and what was closed
   * so far, by reason.
   */
  health(): Health
}

interface ContextOptions {
  readonly req: SocketRequest
  readonly res: Socket
}

const budgetMs = 250
const tooSlow = 'cut off the socket with the most buffered bytes: all together had more than limits.maxBufferedBytes'
/** What `ws` takes by default. */
const defaultMaxPayload = 100 * 1024 * 1024

/** Throws RangeError for a limit that is none. */
export function guardSockets<TContext>(options: SocketGuardOptions<TContext>): SocketGuard<TContext> {
  const { wss, prefix = '', origins, userOf, encoder = jsonEncoder, logger = warningLogger } = options
  const limits = limitsWithDefaults(options.limits)
  const refused = createTally<UpgradeRefusal | 'subscription'>()
  const closed = createTally<Closing | 'tooLargeFrame' | 'tooSlow'>()
  const open = createOpenSockets({
    limits,
    reconnect: encoder.encode({ id: null, method: 'reconnect' }),
    onSubscriptionRefused: () => refused.add('subscription'),
    closed,
  })
  const budget = createBufferBudget({
    sockets: () => open.sockets.keys(),
    maxBytes: limits.maxBufferedBytes,
    onTooSlow(_, bytes) {
      closed.add('tooSlow')
      logger.warn({ code: 'SOCKET_TOO_SLOW', bytes }, tooSlow)
    },
  })
  let draining: Promise<Drained> | undefined
  let isMovingAway = false

  limitFrames(wss, options.limits?.maxFrameBytes)
  checkUpgrades(wss, {
    origins,
    isMovingAway: () => isMovingAway,
    onRefused(refusal, message, { headers: { origin, host } }) {
      refused.add(refusal)
      logger.warn({ code: 'SOCKET_REFUSED', refusal, origin, host }, `refused a socket: ${message}`)
    },
  })
  wss.on('connection', (socket, req) => {
    if (!req.url?.startsWith(prefix)) return
    const guarded = open.add(socket)
    if (isMovingAway) guarded.handOver()
  })
  const watching = setInterval(budget.enforce, budgetMs).unref()
  wss.once('close', () => clearInterval(watching))

  return {
    guardContext: (createContext) => async (given) => {
      const ctx = await createContext(given)
      open.authenticate(given.res, userOf?.({ ctx, req: given.req }))
      return ctx
    },
    of: (socket) => open.sockets.get(socket),
    drain(drainOptions) {
      const begin = () => {
        isMovingAway = true
        return open.sockets.values()
      }
      draining ??= drainSockets(begin, drainOptions)
      return draining
    },
    health: () => ({
      ready: draining === undefined,
      sockets: open.sockets.size,
      subscriptions: [...open.sockets.values()].reduce((sum, guarded) => sum + guarded.subscriptions(), 0),
      bufferedBytes: budget.bytes,
      refused: refused.all(),
      closed: closed.all(),
    }),
  }
}

/** What was set on the server stays, unless these options say otherwise. */
function limitFrames({ options }: SocketServer, maxFrameBytes: number | undefined): void {
  const isOwn = options.maxPayload !== undefined && options.maxPayload !== defaultMaxPayload
  if (maxFrameBytes !== undefined || !isOwn) options.maxPayload = maxFrameBytes ?? defaultLimits.maxFrameBytes
}

const jsonEncoder = { encode: (message: unknown): string => JSON.stringify(message) }
