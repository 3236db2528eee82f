import { CommitcastError } from '@commitcast/events'

/** The name or the time of a scheduled event can't be used. Nothing was sent. */
export class InvalidSchedule extends CommitcastError {
  override readonly name = 'InvalidSchedule'
  readonly code = 'INVALID_SCHEDULE'
}
