import { TRPCError } from '@trpc/server'
import { type Closing, closings } from './closings.ts'
import type { Socket } from './socket-server.ts'

/** What the guards know and decide of one socket. Subscriptions ask it; it never asks them. */
export interface GuardedSocket {
  readonly socket: Socket
  /** How many live subscriptions run on it. */
  subscriptions(): number
  /**
   * Takes a place for one live subscription; call what it returns when that ends (twice is once).
   * Throws TRPCError TOO_MANY_REQUESTS where the socket has as many as it may have.
   */
  enter(): () => void
  /**
   * Whether the client was asked to move to another node: from then on this socket yields nothing more. True before the
   * notification is written, so a subscription that asks right before writing writes nothing after it.
   */
  readonly isHandedOver: boolean
  /** Closes the socket with a typed reason, and counts it. Later ones change nothing. */
  close(closing: Closing): void
}

/** A socket whose client can be asked to move. */
export interface MovableSocket extends GuardedSocket {
  /** Writes tRPC's reconnect notification, and has its subscriptions write nothing more. */
  handOver(): void
}

export interface GuardedSocketOptions {
  readonly maxSubscriptions: number
  /** tRPC's reconnect notification, as this server's encoder writes it. */
  readonly reconnect: string | Uint8Array
  readonly onRefused: () => void
  readonly onClosing: (closing: Closing) => void
}

export function createGuardedSocket(socket: Socket, options: GuardedSocketOptions): MovableSocket {
  const { maxSubscriptions, reconnect, onRefused, onClosing } = options
  let subscriptions = 0
  const guarded = {
    socket,
    subscriptions: () => subscriptions,
    enter() {
      if (subscriptions >= maxSubscriptions) {
        onRefused()
        throw new TRPCError({
          code: 'TOO_MANY_REQUESTS',
          message: `This connection has ${subscriptions} live subscriptions, as many as it may have. End one, or ask for "maxSubscriptionsPerSocket".`,
        })
      }
      subscriptions++
      let isInside = true
      return () => {
        if (isInside) subscriptions--
        isInside = false
      }
    },
    isHandedOver: false,
    handOver() {
      if (guarded.isHandedOver) return
      guarded.isHandedOver = true
      if (socket.readyState === socket.OPEN) socket.send(reconnect)
    },
    close(closing: Closing) {
      if (socket.readyState !== socket.OPEN) return
      onClosing(closing)
      const { code, reason } = closings[closing]
      socket.close(code, reason)
    },
  }
  return guarded
}
