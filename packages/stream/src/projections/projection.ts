import type { CommittedEvent } from '@commitcast/events'
import type { GroupOptions } from '../groups/group.ts'

/** How a projection goes about its work. */
export interface ProjectionOptions extends GroupOptions {
  /** All tables that it writes to, as SQL spells them. A projection that says so can be rebuilt (`startRebuild`). */
  readonly tables?: readonly string[]
}

/**
 * Changes a read model by a batch of events, in `trx`. What it writes there, the events that it appends there and the
 * group's offset commit together, so each event has its effect exactly once (P5), in order per key. It may run several
 * times before that: what it does outside of `trx` is not undone.
 */
export type Project<TEvent = CommittedEvent, TTransaction = unknown> = (
  batch: readonly TEvent[],
  trx: TTransaction,
) => Promise<void>
