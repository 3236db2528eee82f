/** A projection can't be rebuilt as it is; the message says why, and what would mend it. */
export class RebuildRefused extends Error {
  override readonly name = 'RebuildRefused'
  readonly code = 'REBUILD_REFUSED'
}
