/**
 * Why a server closes a socket by itself: the WebSocket close code and the reason that the client reads beside it.
 * tRPC's client reconnects by itself after any of them, with fresh connection parameters, and resumes by its cursor.
 */
export const closings = {
  /** The permission's time is over; reconnect with a fresh token. */
  expired: { code: 4401, reason: 'expired' },
  /** The permission was revoked; after a reconnect the client learns which subscription is refused. */
  revoked: { code: 4403, reason: 'revoked' },
  /** The connection parameters, or what `createContext` makes of them, did not come in time. */
  unauthenticated: { code: 1008, reason: 'not authenticated in time' },
  /** This user has as many sockets on this node as one may have. */
  tooManySockets: { code: 1008, reason: 'too many sockets' },
  /** The node goes away, and the client had not moved by the deadline. */
  restarting: { code: 1012, reason: 'service restart' },
} as const

export type Closing = keyof typeof closings
