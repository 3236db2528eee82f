import { CommitcastError } from '@commitcast/events'

/** What needs a transaction was given none, or none that it knows. Nothing was sent. */
export class NotInTransaction extends CommitcastError {
  override readonly name = 'NotInTransaction'
  readonly code = 'NOT_IN_TRANSACTION'
}
