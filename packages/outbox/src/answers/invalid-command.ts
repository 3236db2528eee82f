import { CommitcastError } from '@commitcast/events'

/** The ids that a command came with are no ids, or too long; nothing was done. */
export class InvalidCommand extends CommitcastError {
  override readonly name = 'InvalidCommand'
  readonly code = 'INVALID_COMMAND'
}
