/** A mistake in the options of `live.subscription`, thrown where it is defined. */
export class InvalidSubscription extends Error {
  override readonly name = 'InvalidSubscription'
  readonly code = 'INVALID_SUBSCRIPTION'

  constructor(problem: string) {
    super(`live.subscription: ${problem}`)
  }
}
