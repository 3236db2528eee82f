import { CommitcastError } from '@commitcast/events'

/** Another writer appended to the aggregate first; nothing was written. Load it again, and decide again. */
export class VersionConflict extends CommitcastError {
  override readonly name = 'VersionConflict'
  readonly code = 'VERSION_CONFLICT'
  readonly aggregate: string
  readonly key: string
  /** The version that the writer expected. */
  readonly expected: number
  /** The version that the aggregate has; in a repeatable read or serializable transaction it may be higher. */
  readonly actual: number

  constructor({ aggregate, key, expected, actual }: Omit<VersionConflict, keyof CommitcastError>) {
    super(
      `The aggregate "${aggregate}" with key ${JSON.stringify(key).slice(0, 80)} is at version ${actual}, and version ${expected} was ` +
        'expected: another writer was first. Nothing was written. Load it again, and decide again.',
    )
    this.aggregate = aggregate
    this.key = key
    this.expected = expected
    this.actual = actual
  }
}
