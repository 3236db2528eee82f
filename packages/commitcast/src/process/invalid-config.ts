import { CommitcastError } from '@commitcast/events'

/** A wrong or missing setting of a process. The process must not start. */
export class InvalidConfig extends CommitcastError {
  override readonly name = 'InvalidConfig'
  readonly code = 'INVALID_CONFIG'
}
