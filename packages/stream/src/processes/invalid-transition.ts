import { CommitcastError } from '@commitcast/events'

/**
 * A process can't take an input: it has no transition for it, the transition returned something that can't be kept, or there
 * is no instance. The event is parked, and later events of the instance wait behind it.
 */
export class InvalidTransition extends CommitcastError {
  override readonly name = 'InvalidTransition'
  readonly code = 'PROCESS_TRANSITION_INVALID'
}
