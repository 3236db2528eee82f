import { BrokerUnavailable, OffsetGone, type Topic } from '@commitcast/broker'
import pLimit from 'p-limit'
import type { LiveDecoder } from './live-decoder.ts'
import { type Keeper, type LiveEntry, toLiveEntry } from './live-entry.ts'

/** A stretch of a partition's log: the messages after offset `after`, up to `to`. */
export interface Stretch {
  readonly partition: number
  readonly after: number
  readonly to: number
  /** Without fillers. */
  readonly entries: readonly LiveEntry[]
}

/**
 * The live topic's log behind the ring, read once for many: followers that return at once, or one after the other, share
 * each stretch that was read, bounded in bytes.
 */
export interface Past {
  /** A stretch with the message after `offset`. Rejects with `OffsetGone` where that is no longer kept. */
  read(partition: number, offset: number): Promise<Stretch>
  /** The newest offset that a cursor can have, as it was at most a second ago; those who ask then share the answer. */
  last(partition: number): Promise<number>
}

export interface PastOptions {
  readonly topic: Topic
  /** How far the hub has come; the log is read up to there. */
  readonly headOf: (partition: number) => number
  /** The newest offset of a partition that a cursor can have. */
  readonly lastOf: (partition: number) => Promise<number>
  readonly decoder: LiveDecoder
  readonly signal: AbortSignal
  /** How much of what was read is kept to be shared. */
  readonly maxBytes: number
}

/** A stretch ends where it holds so much. */
const maxStretchBytes = 4 * 1024 * 1024
/** So many messages at most. */
const maxStretch = 1_024
const lastMs = 1_000
/** How many stretches are read at a time. */
const maxReads = 4

export function createPast({ topic, headOf, lastOf, decoder, signal, maxBytes }: PastOptions): Past {
  const kept = createKept(maxBytes)
  const reads = pLimit(maxReads)
  const lasts = new Map<number, Promise<number>>()
  /** How long stretches are at most; they begin at multiples of it. Less where messages are large. */
  const strides = Array.from({ length: topic.partitions }, () => maxStretch)

  const readStretch = async (partition: number, after: number, keeper: Keeper): Promise<Stretch> => {
    const until = Math.min(headOf(partition), after + strides[partition]!)
    const entries: LiveEntry[] = []
    let to = after
    let bytes = 0
    const ending = new AbortController()
    const reading = { signal: AbortSignal.any([signal, ending.signal]), maxBatch: 256 }
    for await (const batch of topic.read(partition, after, reading)) {
      for (const message of batch) {
        if (to >= until || bytes >= maxStretchBytes) break
        to = message.offset
        bytes += message.body.length
        const entry = toLiveEntry(message, { partition, decoder, keeper })
        if (entry) entries.push(entry)
      }
      if (to >= until || bytes >= maxStretchBytes) break
    }
    ending.abort()
    if (to === after)
      throw new BrokerUnavailable('The hub has ended, and with it the reading of the log for its clients.')
    if (to < until) strides[partition] = 2 ** Math.floor(Math.log2(to - after))
    return { partition, after, to, entries }
  }

  const stretchFrom = (partition: number, after: number) =>
    kept.get(`${partition}/${after}`, (keeper) => reads(() => readStretch(partition, after, keeper)))

  return {
    async read(partition, offset) {
      let after = offset - (offset % strides[partition]!)
      for (;;) {
        try {
          const stretch = await stretchFrom(partition, after)
          if (stretch.to > offset) return stretch
          after = stretch.to
        } catch (error) {
          if (!(error instanceof OffsetGone) || after === offset) throw error
          // The stretch began before what is kept; what was asked for may well be kept.
          after = offset
        }
      }
    },
    last(partition) {
      const known = lasts.get(partition)
      if (known) return known
      const looking = lastOf(partition)
      lasts.set(partition, looking)
      const forget = () => lasts.delete(partition)
      looking.then(() => setTimeout(forget, lastMs).unref(), forget)
      return looking
    },
  }
}

interface Kept {
  readonly reading: Promise<Stretch>
  bytes: number
}

/** Stretches by name, the least recently used let go first, and those that failed at once. */
function createKept(maxBytes: number) {
  const byName = new Map<string, Kept>()
  let total = 0

  const grow = (name: string, kept: Kept, bytes: number) => {
    if (byName.get(name) !== kept) return
    kept.bytes += bytes
    total += bytes
    for (const [oldest, { bytes: freed }] of byName) {
      if (total <= maxBytes || oldest === name) return
      // Without bytes it is still being read.
      if (freed > 0 && byName.delete(oldest)) total -= freed
    }
  }
  const start = (name: string, read: (keeper: Keeper) => Promise<Stretch>): Kept => {
    const keeper: Keeper = {
      grow(entry, bytes) {
        entry.bytes += bytes
        grow(name, kept, bytes)
      },
    }
    const reading = read(keeper)
    const kept: Kept = { reading, bytes: 0 }
    reading.then(
      ({ entries }) =>
        grow(
          name,
          kept,
          entries.reduce((sum, { bytes }) => sum + bytes, stretchBytes),
        ),
      () => byName.get(name) === kept && byName.delete(name),
    )
    return kept
  }

  return {
    get(name: string, read: (keeper: Keeper) => Promise<Stretch>): Promise<Stretch> {
      const kept = byName.get(name) ?? start(name, read)
      byName.delete(name)
      byName.set(name, kept)
      return kept.reading
    },
  }
}

/** What a stretch costs without entries. */
const stretchBytes = 500
