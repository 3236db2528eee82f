import { parkRefused, unparkStored } from '../parked/park-refused.ts'
import type { PartitionOf } from './partition-of.ts'

/** What the broker holds at an offset. */
export interface Stored {
  readonly offset: number
  readonly isPlaceholder: boolean
}

/**
 * Brings the notes of refused offsets in line with what the broker holds, for that is what readers have seen. An event that
 * was noted and is there was stored by an earlier owner, whose connection had a higher limit: its note goes. A placeholder
 * that was never noted outlived its note, in a database that went back to an older copy: its event is parked again.
 */
export async function settleNotes(of: PartitionOf, stored: readonly Stored[], given: readonly Stored[]) {
  const { sql, schema, topic, partition, term, logger } = of
  const at = { sql, schema, epoch: topic.epoch, partition }
  const noted = new Map(given.map(({ offset, isPlaceholder }) => [offset, isPlaceholder]))
  const differing = stored.filter(({ offset, isPlaceholder }) => noted.get(offset) === !isPlaceholder)
  const there = differing.filter(({ isPlaceholder }) => !isPlaceholder).map(({ offset }) => offset)
  if (there.length > 0) {
    await unparkStored(at, there)
    logger.warn(
      { code: 'REFUSED_EVENT_STORED', partition, offsets: there },
      'the broker stored events that were parked; no longer parked',
    )
  }
  for (const { offset } of differing.filter(({ isPlaceholder }) => isPlaceholder)) {
    const outcome = await parkRefused({ ...at, term }, { offset, message: 'The broker holds a placeholder for it.' })
    logger.warn(
      { code: 'PLACEHOLDER_UNKNOWN', partition, offset, outcome },
      'placeholder was not recorded as refused; event parked',
    )
  }
}
