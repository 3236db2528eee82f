import { CommitcastError } from '@commitcast/events'

/** A projection can't be rebuilt as it is; the message says why, and how to fix it. */
export class RebuildRefused extends CommitcastError {
  override readonly name = 'RebuildRefused'
  readonly code = 'REBUILD_REFUSED'
}
