import type { CommittedEvent } from '@commitcast/events'
import { type ChangeKind, changeOf } from './change-of.ts'

/** How the rows of one kind are found. */
export interface TrackedRows<TEvent, TId, TRow> {
  /** The rows that an event may change. Ids are compared as the keys of a Map: take strings, numbers or bigints. */
  readonly ids: (event: TEvent) => readonly TId[]
  /**
   * Called before and after the writes with each id once, in their transaction. Read just what is published: a column
   * that differs is a change.
   */
  readonly rows: (ids: readonly TId[]) => Promise<ReadonlyMap<TId, TRow>>
  /** For soft deletion: whether this row counts as gone. Default: a row is gone when it is not there. */
  readonly isDeleted?: (row: TRow) => boolean
}

/** One row that changed. */
export interface Change<TId, TRow, TEvent = CommittedEvent> {
  readonly kind: ChangeKind
  readonly id: TId
  /** As it is now; of a deleted row that is not there any more, as it was. */
  readonly row: TRow
  /** As it was. Missing where it was not there. */
  readonly before?: TRow
  /** The last event of the batch that may have changed it. */
  readonly cause: TEvent
}

/**
 * Runs `write` and returns which rows it created, updated and deleted, in the order in which the batch first names them.
 * Appended in the same transaction, these notifications exist exactly when the changes do.
 *
 * It compares before the batch with after it, so each row is published at most once for a batch, and one that comes and goes
 * within it not at all. Where events of several keys change one row, let `rows` lock it first: transactions side by side
 * would each publish what both of them did.
 */
export async function trackChanges<TEvent, TId, TRow>(
  batch: readonly TEvent[],
  { ids: idsOf, rows, isDeleted }: TrackedRows<TEvent, TId, TRow>,
  write: () => Promise<unknown>,
): Promise<readonly Change<TId, TRow, TEvent>[]> {
  const causes = new Map<TId, TEvent>()
  for (const event of batch) for (const id of idsOf(event)) causes.set(id, event)
  const ids = [...causes.keys()]
  const before = await readRows(ids, rows)
  await write()
  const after = await readRows(ids, rows)
  return [...causes].flatMap(([id, cause]) => {
    const [was, is] = [before.get(id), after.get(id)]
    const kind = changeOf(was, is, isDeleted)
    if (kind === undefined) return []
    return [{ kind, id, row: (is ?? was)!, ...(was !== undefined && { before: was }), cause }]
  })
}

async function readRows<TId, TRow>(
  ids: readonly TId[],
  rows: (ids: readonly TId[]) => Promise<ReadonlyMap<TId, TRow>>,
): Promise<ReadonlyMap<TId, TRow>> {
  return ids.length === 0 ? new Map() : rows(ids)
}
