import type { Sql } from '@commitcast/worker'
import pLimit from 'p-limit'
import { commitOffset, type GroupOffset, type GroupPartition, type StoredOffset } from './group-offset.ts'

/** How far a group is in a partition as one task knows it: what it read when it began, then what it committed. */
export interface Progress {
  /**
   * Runs `work`, which makes one transaction and calls `commit` last in it. Without `to` the group stays where it is; the
   * commit counts all the same, so that a later one finds out if the database lost it. One at a time: each begins from
   * the one before it.
   */
  commit(work: (commit: (sql: Sql) => Promise<void>) => Promise<void>, to?: GroupOffset): Promise<void>
}

export interface ProgressOptions {
  readonly at: GroupPartition
  readonly start: StoredOffset
  /** Called with the number of each offset that this task read or committed. */
  readonly onCommitted: (number: bigint) => void
  /** Called after each commit. */
  readonly onProgress: () => void
}

export function createProgress({ at, start, onCommitted, onProgress }: ProgressOptions): Progress {
  let stored = start
  const inTurn = pLimit(1)
  onCommitted(start.number)
  return {
    commit: (work, to) =>
      inTurn(async () => {
        let next: StoredOffset | undefined
        await work(async (sql) => {
          next = await commitOffset(sql, at, { from: stored, to: to ?? stored })
        })
        if (!next) return
        stored = next
        onCommitted(next.number)
        onProgress()
      }),
  }
}
