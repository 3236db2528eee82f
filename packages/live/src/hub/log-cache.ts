import { BrokerUnavailable, OffsetGone, type Topic } from '@commitcast/broker'
import type { Message } from '@commitcast/events'
import type { Keys } from '@commitcast/outbox'
import { createHeld } from './held.ts'
import type { LiveDecoder } from './live-decoder.ts'
import { type Keeper, type LiveEntry, toLiveEntry } from './live-entry.ts'

/** A chunk of a partition's log: the messages after offset `after`, up to `to`. */
export interface Chunk {
  readonly partition: number
  readonly after: number
  readonly to: number
  /** Without fillers. */
  readonly entries: readonly LiveEntry[]
}

/**
 * The live topic's log behind the ring, read once for many: followers that return at once, or one after the other, share
 * each chunk that was read, bounded in bytes.
 */
export interface LogCache {
  /**
   * A chunk with the message after `offset`, which counts until it is released. Waits while others hold as much as there
   * may be. Rejects with `OffsetGone` where the message is no longer kept.
   */
  read(partition: number, offset: number): Promise<Chunk>
  /** Lets go of a chunk that `read` returned; once for each time. */
  release(chunk: Chunk): void
  /** All entries that are here. */
  entries(): readonly LiveEntry[]
  /** The newest offset that a cursor can have, as it was at most a second ago; those who ask then share the answer. */
  last(partition: number): Promise<number>
}

export interface LogCacheOptions {
  readonly topic: Topic
  /** How far the hub has come; the log is read up to there. */
  readonly headOf: (partition: number) => number
  /** The newest offset of a partition that a cursor can have. */
  readonly lastOf: (partition: number) => Promise<number>
  readonly decoder: LiveDecoder
  /** The keys of the personal fields of messages; `undefined` where they have none. */
  readonly keysOf: (messages: readonly Message[]) => Promise<Keys> | undefined
  readonly signal: AbortSignal
  /** How much of what was read is held, and kept to be shared. */
  readonly maxBytes: number
}

/** A chunk ends where it holds so much. */
const maxChunkBytes = 1_000_000
/** So many messages at most. */
const maxChunk = 1_024
const lastMs = 1_000
/** What is made of an event for clients is so many times as large as its body. */
const made = 4

/** A chunk counts what is made of it from the beginning. */
const keeper: Keeper = {
  grow(entry, bytes) {
    entry.bytes += bytes
  },
}

export function createLogCache(options: LogCacheOptions): LogCache {
  const { topic, lastOf, maxBytes } = options
  const held = createHeld<Chunk>({ maxBytes, reservedBytes: made * maxChunkBytes })
  /** How long chunks are at most; they begin at multiples of it. Less where messages are large. */
  const strides = Array.from({ length: topic.partitions }, () => maxChunk)

  const chunkFrom = (partition: number, after: number) =>
    held.get(`${partition}/${after}`, {
      read: async () => {
        const stride = strides[partition]!
        const { chunk, bytes } = await readChunk(options, { partition, after, stride })
        strides[partition] = nextStride({ stride, count: chunk.to - after, bytes })
        return chunk
      },
      bytesOf: ({ entries }) =>
        entries.reduce((sum, { bytes, message }) => sum + bytes + (made - 1) * message.body.length, 500),
    })

  return {
    async read(partition, offset) {
      let after = offset - (offset % strides[partition]!)
      for (;;) {
        try {
          const chunk = await chunkFrom(partition, after)
          if (chunk.to > offset) return chunk
          held.release(chunk)
          after = chunk.to
        } catch (error) {
          if (!(error instanceof OffsetGone) || after === offset) throw error
          // The chunk began before what is kept; what was asked for may well be kept.
          after = offset
        }
      }
    },
    release: held.release,
    entries: () => held.items().flatMap(({ entries }) => entries),
    last: shareBriefly(lastOf),
  }
}

/** Reads at most `stride` messages, and says how many bytes they have. */
async function readChunk(
  { topic, headOf, decoder, keysOf, signal }: LogCacheOptions,
  { partition, after, stride }: Pick<Chunk, 'partition' | 'after'> & { readonly stride: number },
): Promise<{ readonly chunk: Chunk; readonly bytes: number }> {
  const until = Math.min(headOf(partition), after + stride)
  const entries: LiveEntry[] = []
  let to = after
  let bytes = 0
  const ending = new AbortController()
  const reading = {
    signal: AbortSignal.any([signal, ending.signal]),
    maxBatch: Math.min(stride, 256),
    maxBytes: maxChunkBytes,
  }
  for await (const batch of topic.read(partition, after, reading)) {
    const keys = await keysOf(batch)
    for (const message of batch) {
      if (to >= until || bytes >= maxChunkBytes) break
      to = message.offset
      bytes += message.body.length
      const entry = toLiveEntry(message, { partition, decoder, keeper, keys })
      if (entry) entries.push(entry)
    }
    if (to >= until || bytes >= maxChunkBytes) break
  }
  ending.abort()
  if (to === after)
    throw new BrokerUnavailable('The hub has ended, and with it the reading of the log for its clients.')
  return { chunk: { partition, after, to, entries }, bytes }
}

/** Asks once for all who ask within a second. */
function shareBriefly(ask: (partition: number) => Promise<number>): (partition: number) => Promise<number> {
  const answers = new Map<number, Promise<number>>()
  return (partition) => {
    const known = answers.get(partition)
    if (known) return known
    const answer = ask(partition)
    answers.set(partition, answer)
    const forget = () => answers.delete(partition)
    answer.then(() => setTimeout(forget, lastMs).unref(), forget)
    return answer
  }
}

/** Shorter where a chunk was full before it was so long, longer where twice as many messages would have had room. */
function nextStride({ stride, count, bytes }: { stride: number; count: number; bytes: number }): number {
  if (bytes >= maxChunkBytes && count < stride) return 2 ** Math.floor(Math.log2(count))
  return count >= stride && bytes * 2 < maxChunkBytes ? Math.min(maxChunk, stride * 2) : stride
}
