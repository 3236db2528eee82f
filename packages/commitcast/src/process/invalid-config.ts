/** A wrong or missing setting of a process. The process must not start. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig'
  readonly code = 'INVALID_CONFIG'
}
