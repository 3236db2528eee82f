import { CommitcastError } from '@commitcast/events'

/**
 * - `UNTRACKED_MESSAGE`: what the server sends carries no cursor, so `follow` ends, as refused.
 * - `CALLBACK_FAILED`: a callback of the application threw; following continues. What it threw is the `cause`.
 * - `UNREADABLE_EVENT`: an event can't be read, here or on the server; following continues behind it.
 */
export type FollowErrorCode = 'UNTRACKED_MESSAGE' | 'CALLBACK_FAILED' | 'UNREADABLE_EVENT'

/** What is wrong with a subscription; `code` says which kind of trouble it is. */
export class FollowError extends CommitcastError {
  override readonly name = 'FollowError'
  readonly code: FollowErrorCode

  constructor(code: FollowErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
