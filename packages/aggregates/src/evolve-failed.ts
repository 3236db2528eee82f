import { CommitcastError } from '@commitcast/events'
import type { EventInStream } from './stream-unreadable.ts'

/** A reducer of an aggregate threw (`cause`). Fix it: what happened has happened, and stays in the stream. */
export class EvolveFailed extends CommitcastError {
  override readonly name = 'EvolveFailed'
  readonly code = 'EVOLVE_FAILED'

  constructor({ aggregate, key, version, type, cause }: EventInStream & { readonly cause: unknown }) {
    super(
      `The reducer of "${type}" in the aggregate "${aggregate}" failed for key ${JSON.stringify(key).slice(0, 80)} at version ` +
        `${version}: ${String(cause)}. Fix the reducer; the stored event does not change.`,
      { cause },
    )
  }
}
