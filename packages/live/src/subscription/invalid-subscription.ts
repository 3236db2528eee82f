import { CommitcastError } from '@commitcast/events'

/** A mistake in the options of `live.subscription`, thrown where it is defined. */
export class InvalidSubscription extends CommitcastError {
  override readonly name = 'InvalidSubscription'
  readonly code = 'INVALID_SUBSCRIPTION'

  constructor(problem: string) {
    super(`live.subscription: ${problem}`)
  }
}
