import { isDeepStrictEqual } from 'node:util'

/** What became of a row, as those who can see it would say. */
export type ChangeKind = 'created' | 'updated' | 'deleted'

/**
 * Returns from a row before and after what became of it; `undefined` where nothing is to be published. A row whose `isDeleted`
 * turns on is deleted, one whose turns off is updated. What is created deleted, or changes while it is, is not published.
 */
export function changeOf<TRow>(
  before: TRow | undefined,
  after: TRow | undefined,
  isDeleted: (row: TRow) => boolean = () => false,
): ChangeKind | undefined {
  if (after === undefined || isDeleted(after)) {
    return before !== undefined && !isDeleted(before) ? 'deleted' : undefined
  }
  if (before === undefined) return 'created'
  return isDeepStrictEqual(before, after) ? undefined : 'updated'
}
