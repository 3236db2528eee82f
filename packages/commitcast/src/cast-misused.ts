import { CommitcastError } from '@commitcast/events'

/** What was done that can't work. */
export type Misuse =
  | 'NODE_TOO_OLD'
  | 'CAST_OPTION_INVALID'
  | 'CAST_CLOSED'
  | 'CAST_RUNS_ALREADY'
  | 'ROLE_UNKNOWN'
  | 'ROLE_WITHOUT_USE'
  | 'USE_WITHOUT_ROLE'
  | 'USE_NOT_OF_CAST'
  | 'GROUP_TWICE'
  | 'AGGREGATE_TWICE'

/** A mistake in how a cast is made or run, found before anything was begun. `code` says which; the message what to do. */
export class CastMisused extends CommitcastError {
  override readonly name = 'CastMisused'
  readonly code: Misuse

  constructor(code: Misuse, message: string) {
    super(message)
    this.code = code
  }
}
