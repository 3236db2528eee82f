import { createEntryQueue, type EntryQueue } from './entry-queue.ts'
import type { Keeper, LiveEntry } from './live-entry.ts'

/** One event in the ring. */
export interface RingEntry extends LiveEntry {
  /** The order in which this hub saw its events. */
  readonly seq: number
  /** How far the hub had come in each partition with it. */
  readonly heads: readonly number[]
  /** `heads` as a text. */
  readonly cursor: string
}

/** The recent events of all partitions, bounded in bytes, found by channel. */
export interface Ring extends Keeper {
  /** The sequence number of the oldest entry that is here. */
  readonly start: number
  /** The sequence number that the next entry gets. */
  readonly end: number
  /** The highest offset of a partition that is no longer here; everything after it (with a channel) is. */
  tail(partition: number): number
  add(entry: Omit<RingEntry, 'seq'>): RingEntry
  /** At most `limit` entries of these channels from `seq` on, oldest first, each once. */
  read(channels: readonly string[], seq: number, limit: number): readonly RingEntry[]
  /** All that is here, oldest first. */
  entries(): readonly RingEntry[]
  /** Forgets everything, and knows nothing of a partition up to `offset`: after a jump over what the broker lost. */
  skipTo(partition: number, offset: number): void
}

export function createRing({ starts, maxBytes }: { starts: readonly number[]; maxBytes: number }): Ring {
  const tails = [...starts]
  const all = createEntryQueue<RingEntry>()
  const index = createChannelIndex()
  let bytes = 0
  let end = 0

  const dropOldest = () => {
    const entry = all.shift()
    if (!entry) return
    bytes -= entry.bytes
    tails[entry.partition] = Math.max(tails[entry.partition]!, entry.offset)
    index.dropOldest(entry)
  }

  const keepWithin = () => {
    while (bytes > maxBytes && all.size > 1) dropOldest()
  }
  const start = () => all.first()?.seq ?? end

  return {
    get start() {
      return start()
    },
    get end() {
      return end
    },
    tail: (partition) => tails[partition]!,
    add(fields) {
      const entry: RingEntry = { ...fields, channels: [...new Set(fields.channels)], seq: end++ }
      all.push(entry)
      bytes += entry.bytes
      index.add(entry)
      keepWithin()
      return entry
    },
    grow(entry, more) {
      entry.bytes += more
      // A follower may still hold what is no longer here.
      if ((entry as RingEntry).seq < start()) return
      bytes += more
      keepWithin()
    },
    read: index.read,
    entries: () => all.from(start(), all.size),
    skipTo(partition, offset) {
      while (all.size > 0) dropOldest()
      tails[partition] = Math.max(tails[partition]!, offset)
      // No follower from before has a position in the ring any more: each compares its offsets with the tails.
      end++
    },
  }
}

/** The entries of each channel, oldest first. */
function createChannelIndex() {
  const byChannel = new Map<string, EntryQueue<RingEntry>>()
  return {
    add(entry: RingEntry) {
      for (const channel of entry.channels) {
        let queue = byChannel.get(channel)
        if (!queue) {
          queue = createEntryQueue()
          byChannel.set(channel, queue)
        }
        queue.push(entry)
      }
    },
    /** The entry has to be the oldest. */
    dropOldest({ channels }: RingEntry) {
      for (const channel of channels) {
        const queue = byChannel.get(channel)
        queue?.shift()
        if (queue?.size === 0) byChannel.delete(channel)
      }
    },
    read(channels: readonly string[], seq: number, limit: number): readonly RingEntry[] {
      if (channels.length === 1) return byChannel.get(channels[0]!)?.from(seq, limit) ?? []
      const lists = channels.flatMap((channel) => byChannel.get(channel)?.from(seq, limit) ?? [])
      const once = new Map(lists.map((entry) => [entry.seq, entry]))
      return [...once.values()].sort((a, b) => a.seq - b.seq).slice(0, limit)
    },
  }
}
