import { CommitcastError } from '@commitcast/events'

/** An event is for an instance of a process that does not exist, and can't be held for it. It is parked alone: nothing waits behind it. */
export class NoInstance extends CommitcastError {
  override readonly name = 'NoInstance'
  readonly code = 'PROCESS_INSTANCE_MISSING'
}
