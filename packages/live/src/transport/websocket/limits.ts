import { checkWholeNumber } from '@commitcast/worker'
import type { SocketRequest } from './socket-server.ts'

/** What one process lets its clients do on sockets. Each has a default that an ordinary browser never meets. */
export interface Limits {
  /** Live subscriptions on one socket; one more is refused with TOO_MANY_REQUESTS. Default 100. */
  readonly maxSubscriptionsPerSocket: number
  /** Sockets of one user on this node; one more gets TOO_MANY_REQUESTS and closed with 1008. Needs `userOf`. Default 50. */
  readonly maxSocketsPerUser: number
  /**
   * The largest message that a client may send, in bytes; a larger one closes its socket with 1009.
   * Default: the server's own `maxPayload`, or 256 KiB where it was left alone.
   */
  readonly maxFrameBytes: number
  /** How long a socket may take from its opening until its context is made; then it is closed with 1008. Default 10,000. */
  readonly authenticateMs: number
  /**
   * What all sockets together may have buffered: bytes written and not yet taken by the network. Above it the sockets with
   * the most are cut off, and resume when they reconnect. Default 256 MiB.
   */
  readonly maxBufferedBytes: number
}

export const defaultLimits: Limits = {
  maxSubscriptionsPerSocket: 100,
  maxSocketsPerUser: 50,
  maxFrameBytes: 256 * 1024,
  authenticateMs: 10_000,
  maxBufferedBytes: 256 * 1024 * 1024,
}

/** The given limits, and the defaults for the others. Throws RangeError for one that is no whole number from 1 on. */
export function limitsWithDefaults(given: Partial<Limits> = {}): Limits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) checkWholeNumber(`limits.${name}`, value)
  return limits
}

/** Who a socket belongs to, for `maxSocketsPerUser`. `undefined`: no user, and not counted. */
export type UserOf<TContext> = (options: { readonly ctx: TContext; readonly req: SocketRequest }) => string | undefined
