import { TRPCError } from '@trpc/server'

/** How a permission was lost: its time is over, or it was taken away. */
export type AccessLoss = 'expired' | 'revoked'

/**
 * A running subscription lost its permission. On a WebSocket the socket is closed with `closings[loss]`; elsewhere this is
 * thrown: as SERVICE_UNAVAILABLE, because tRPC's SSE client reconnects after that, with its cursor. The
 * answer then says whether it may still follow: UNAUTHORIZED or FORBIDDEN is final.
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
  expired: 'What allowed you to follow this has expired. Reconnect with a fresh token.',
  revoked: 'What allowed you to follow this was taken away. Reconnect to find out whether you still may.',
}
