import { type Health, type Logger, warningLogger } from '@commitcast/worker'
import type { DrainOptions } from '../drain-options.ts'
import { createTally, type Tally } from '../tally.ts'
import { type BufferBudget, createBufferBudget } from './buffer-budget.ts'
import { checkUpgrades, type UpgradeRefusal } from './check-upgrades.ts'
import type { Closing } from './closings.ts'
import { type Drained, drainSockets } from './drain-sockets.ts'
import type { GuardedSocket } from './guarded-socket.ts'
import { defaultLimits, type Limits, limitsWithDefaults, type UserOf } from './limits.ts'
import { createOpenSockets, type OpenSockets } from './open-sockets.ts'
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
  const { userOf, encoder = jsonEncoder, logger = warningLogger } = options
  const limits = limitsWithDefaults(options.limits)
  const counts: Counts = { refused: createTally(), closed: createTally() }
  const open = createOpenSockets({
    limits,
    reconnect: encoder.encode({ id: null, method: 'reconnect' }),
    onSubscriptionRefused: () => counts.refused.add('subscription'),
    closed: counts.closed,
  })
  const budget = createBufferBudget({
    sockets: () => open.sockets.keys(),
    maxBytes: limits.maxBufferedBytes,
    onTooSlow(_, bytes) {
      counts.closed.add('tooSlow')
      logger.warn({ code: 'SOCKET_TOO_SLOW', bytes }, tooSlow)
    },
  })
  const move = createMove(open)
  watchServer(options, { open, budget, move, counts, logger })

  return {
    guardContext: (createContext) => async (given) => {
      const ctx = await createContext(given)
      open.authenticate(given.res, userOf?.({ ctx, req: given.req }))
      return ctx
    },
    of: (socket) => open.sockets.get(socket),
    drain: move.drain,
    health: () => ({
      ready: !move.isAskedFor(),
      sockets: open.sockets.size,
      subscriptions: [...open.sockets.values()].reduce((sum, guarded) => sum + guarded.subscriptions(), 0),
      bufferedBytes: budget.bytes,
      refused: counts.refused.all(),
      closed: counts.closed.all(),
    }),
  }
}

/** What was refused and what was closed so far, by reason. */
interface Counts {
  readonly refused: Tally<UpgradeRefusal | 'subscription'>
  readonly closed: Tally<Closing | 'tooLargeFrame' | 'tooSlow'>
}

/** The way of all clients to other nodes. */
interface Move {
  drain(options?: DrainOptions): Promise<Drained>
  isAskedFor(): boolean
  /** No new client is let in. */
  hasBegun(): boolean
}

function createMove(open: OpenSockets): Move {
  let draining: Promise<Drained> | undefined
  let hasBegun = false
  const begin = () => {
    hasBegun = true
    return open.sockets.values()
  }
  return {
    drain(options) {
      draining ??= drainSockets(begin, options)
      return draining
    },
    isAskedFor: () => draining !== undefined,
    hasBegun: () => hasBegun,
  }
}

interface Guarding {
  readonly open: OpenSockets
  readonly budget: BufferBudget
  readonly move: Move
  readonly counts: Counts
  readonly logger: Logger
}

/** Sees to it that each socket of the server is guarded from its request on, until the server closes. */
function watchServer<TContext>(
  { wss, prefix = '', origins, limits }: SocketGuardOptions<TContext>,
  { open, budget, move, counts, logger }: Guarding,
): void {
  limitFrames(wss, limits?.maxFrameBytes)
  checkUpgrades(wss, {
    origins,
    isMovingAway: move.hasBegun,
    onRefused(refusal, message, { headers: { origin, host } }) {
      counts.refused.add(refusal)
      logger.warn({ code: 'SOCKET_REFUSED', refusal, origin, host }, `refused a socket: ${message}`)
    },
  })
  wss.on('connection', (socket, req) => {
    if (!req.url?.startsWith(prefix)) return
    const guarded = open.add(socket)
    if (move.hasBegun()) guarded.handOver()
  })
  const watching = setInterval(budget.enforce, budgetMs).unref()
  wss.once('close', () => clearInterval(watching))
}

/** What was set on the server stays, unless these options say otherwise. */
function limitFrames({ options }: SocketServer, maxFrameBytes: number | undefined): void {
  const isOwn = options.maxPayload !== undefined && options.maxPayload !== defaultMaxPayload
  if (maxFrameBytes !== undefined || !isOwn) options.maxPayload = maxFrameBytes ?? defaultLimits.maxFrameBytes
}

const jsonEncoder = { encode: (message: unknown): string => JSON.stringify(message) }
