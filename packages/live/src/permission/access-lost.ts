import { TRPCError } from '@trpc/server'

/** How a permission was lost: its time is over, or somebody took it away. */
export type AccessLoss = 'expired' | 'revoked'

/**
 * A running subscription may not go on. On a WebSocket the socket is closed with `closings[loss]`; elsewhere this is
 * thrown: as SERVICE_UNAVAILABLE, because that is what tRPC's SSE client comes back after, with its cursor. Whether
 * it may still follow it is told then: UNAUTHORIZED or FORBIDDEN, which is final.
 */
export class AccessLost extends TRPCError {
  readonly loss: AccessLoss

  constructor(loss: AccessLoss) {
    super({ code: 'SERVICE_UNAVAILABLE', message: lossMessages[loss] })
    this.loss = loss
  }
}

/** What a client reads of it. */
export const lossMessages = {
  expired: 'What allowed you to follow this has expired. Come back with a fresh token.',
  revoked: 'What allowed you to follow this was taken away. Come back to be told whether you still may.',
}
