/** The ids that a command came with are no ids, or too long; nothing was done. */
export class InvalidCommand extends Error {
  override readonly name = 'InvalidCommand'
  readonly code = 'INVALID_COMMAND'
}
