/** An event that can't be appended: unknown type, data that its schema refuses, too large. Nothing was written. */
export class InvalidEvent extends Error {
  override readonly name = 'InvalidEvent'
  readonly code = 'INVALID_EVENT'
}
