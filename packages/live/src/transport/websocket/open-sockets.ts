import { TRPCError } from '@trpc/server'
import { createTally, type Tally } from '../tally.ts'
import type { Closing } from './closings.ts'
import { createGuardedSocket, type MovableSocket } from './guarded-socket.ts'
import type { Limits } from './limits.ts'
import type { Socket } from './socket-server.ts'

export interface OpenSocketsOptions {
  readonly limits: Limits
  /** tRPC's reconnect notification, as this server's encoder writes it. */
  readonly reconnect: string | Uint8Array
  readonly onSubscriptionRefused: () => void
  readonly closed: Tally<Closing | 'tooLargeFrame'>
}

/** The open sockets of a server, and whose they are. */
export interface OpenSockets {
  readonly sockets: ReadonlyMap<Socket, MovableSocket>
  /** A new one; its time to authenticate begins. */
  add(socket: Socket): MovableSocket
  /**
   * Its context is made, and it is this user's. Where that is one too many, throws TRPCError TOO_MANY_REQUESTS and closes it
   * right after the client has the answer.
   */
  authenticate(socket: Socket, user: string | undefined): void
}

export function createOpenSockets(options: OpenSocketsOptions): OpenSockets {
  const { limits, reconnect, onSubscriptionRefused, closed } = options
  const sockets = new Map<Socket, MovableSocket>()
  const deadlines = new WeakMap<Socket, NodeJS.Timeout>()
  const users = new WeakMap<Socket, string>()
  const perUser = createTally<string>()

  const forget = (socket: Socket) => {
    sockets.delete(socket)
    clearTimeout(deadlines.get(socket))
    const user = users.get(socket)
    if (user !== undefined) perUser.take(user)
  }

  const refuse = (socket: Socket): never => {
    // After the error, which makes tRPC's client back off, and before tRPC's own close, which gives no reason.
    setImmediate(() => sockets.get(socket)?.close('tooManySockets'))
    throw new TRPCError({
      code: 'TOO_MANY_REQUESTS',
      message: `You have ${limits.maxSocketsPerUser} connections here, as many as one user may have.`,
    })
  }

  return {
    sockets,
    add(socket) {
      const guarded = createGuardedSocket(socket, {
        maxSubscriptions: limits.maxSubscriptionsPerSocket,
        reconnect,
        onRefused: onSubscriptionRefused,
        onClosing: (closing) => closed.add(closing),
      })
      sockets.set(socket, guarded)
      deadlines.set(
        socket,
        setTimeout(() => guarded.close('unauthenticated'), limits.authenticateMs),
      )
      socket.on('error', (error) => {
        if ('code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') closed.add('tooLargeFrame')
      })
      socket.once('close', () => forget(socket))
      return guarded
    },
    authenticate(socket, user) {
      clearTimeout(deadlines.get(socket))
      // It may have closed while its context was made.
      if (user === undefined || !sockets.has(socket)) return
      if (perUser.of(user) >= limits.maxSocketsPerUser) refuse(socket)
      users.set(socket, user)
      perUser.add(user)
    },
  }
}
