/**
 * The base of all errors that Commitcast throws, except for those of wrong arguments (`TypeError`, `RangeError`) and of tRPC
 * (`AccessLost` is a `TRPCError`). Recognise one by its class or by `code`.
 *
 * @see docs/reference/errors.md for each code
 */
export abstract class CommitcastError extends Error {
  /** Which error it is; stable across releases. */
  abstract readonly code: string
  /**
   * Whether the same call can succeed later with nothing changed: a server could not be reached, or could not answer now.
   * Workers wait out such an error, wherever it is thrown. Default `false`.
   */
  readonly retryable: boolean = false
  /** What led to it, where another error did. */
  declare readonly cause?: unknown
}
