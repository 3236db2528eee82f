import { NewerVersion } from '@commitcast/events'
import { isOutage } from '@commitcast/worker'
import { RebuildRefused } from '../projections/rebuild/rebuild-refused.ts'
import { LeaseLost, OffsetMoved } from './group-offset.ts'
import { TooManyParked } from './parked-queue.ts'

/**
 * Whether an error is no fault of an event, so that it is waited out: an outage, a lease that went, an offset that moved, a
 * full queue, an event newer than this process, which has to be deployed, or a rebuild of what can't be rebuilt.
 */
export function isPassing(error: unknown): boolean {
  return (
    isOutage(error) ||
    error instanceof LeaseLost ||
    error instanceof OffsetMoved ||
    error instanceof TooManyParked ||
    error instanceof NewerVersion ||
    error instanceof RebuildRefused
  )
}
