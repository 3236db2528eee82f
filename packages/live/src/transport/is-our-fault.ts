import { TRPCError } from '@trpc/server'
import { MovingAway } from './moving-away.ts'

/** Whether an error is one to log: it is no refusal that the client gets to know. */
export function isOurFault(error: unknown): boolean {
  if (error instanceof TRPCError) return error.code === 'INTERNAL_SERVER_ERROR'
  return !(error instanceof MovingAway)
}
