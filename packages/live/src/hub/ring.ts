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
  /** Forgets everything, and knows nothing of a partition up to `offset`: after a jump over what the broker lost. */
  skipTo(partition: number, offset: number): void
}

export function createRing({ starts, maxBytes }: { starts: readonly number[]; maxBytes: number }): Ring {
  const tails = [...starts]
  const all = createQueue<RingEntry>()
  const byChannel = new Map<string, Queue<RingEntry>>()
  let bytes = 0
  let end = 0

  const dropOldest = () => {
    const entry = all.shift()
    if (!entry) return
    bytes -= entry.bytes
    tails[entry.partition] = Math.max(tails[entry.partition]!, entry.offset)
    for (const channel of entry.channels) {
      const queue = byChannel.get(channel)
      queue?.shift()
      if (queue?.size === 0) byChannel.delete(channel)
    }
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
      for (const channel of entry.channels) {
        let queue = byChannel.get(channel)
        if (!queue) {
          queue = createQueue()
          byChannel.set(channel, queue)
        }
        queue.push(entry)
      }
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
    read(channels, seq, limit) {
      if (channels.length === 1) return byChannel.get(channels[0]!)?.from(seq, limit) ?? []
      const lists = channels.flatMap((channel) => byChannel.get(channel)?.from(seq, limit) ?? [])
      const once = new Map(lists.map((entry) => [entry.seq, entry]))
      return [...once.values()].sort((a, b) => a.seq - b.seq).slice(0, limit)
    },
    skipTo(partition, offset) {
      while (all.size > 0) dropOldest()
      tails[partition] = Math.max(tails[partition]!, offset)
      // No follower from before has a position in the ring any more: each compares its offsets with the tails.
      end++
    },
  }
}

interface Queue<T> {
  readonly size: number
  first(): T | undefined
  push(item: T): void
  shift(): T | undefined
  from(seq: number, limit: number): T[]
}

/** First in, first out, with a search by `seq`; what was taken out is let go many at a time. */
function createQueue<T extends { readonly seq: number }>(): Queue<T> {
  let items: (T | undefined)[] = []
  let head = 0
  return {
    get size() {
      return items.length - head
    },
    first: () => items[head],
    push(item) {
      items.push(item)
    },
    shift() {
      const item = items[head]
      if (item === undefined) return undefined
      // Let go at once: it may be the last that holds a large body.
      items[head++] = undefined
      if (head > 32 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    from(seq, limit) {
      let low = head
      let high = items.length
      while (low < high) {
        const middle = (low + high) >> 1
        if (items[middle]!.seq < seq) low = middle + 1
        else high = middle
      }
      return items.slice(low, low + limit) as T[]
    },
  }
}
