import type { EventPlace } from '@commitcast/events'

/** Remembers the highest offset of each partition: offsets of one partition only grow, so anything else came before. */
export function createSeen() {
  let epoch = 0
  const offsets = new Map<number, number>()
  return {
    /** Whether this place was not seen yet; from then on it was. */
    isNew(place: EventPlace): boolean {
      if (place.epoch < epoch) return false
      if (place.epoch > epoch) offsets.clear()
      epoch = place.epoch
      if (place.offset <= (offsets.get(place.partition) ?? 0)) return false
      offsets.set(place.partition, place.offset)
      return true
    },
    /** Places that were seen may come again. */
    forget() {
      offsets.clear()
    },
  }
}
