import { OffsetGone } from '@commitcast/broker'
import {
  CommitcastError,
  type Cursor,
  encodeCursor,
  isVisible,
  parseSnapshot,
  type ResyncReason,
} from '@commitcast/events'
import { sleep } from '@commitcast/worker'
import type { Hub } from './hub.ts'
import { type LiveEntry, redactedOf } from './live-entry.ts'
import type { Chunk } from './log-cache.ts'
import type { Output } from './output.ts'
import type { RingEntry } from './ring.ts'

/** The cursor can't be continued without a gap. */
export class MustResync extends CommitcastError {
  override readonly name = 'MustResync'
  readonly code = 'MUST_RESYNC'
  readonly reason: ResyncReason

  constructor(reason: ResyncReason) {
    super(`The cursor can't be continued (${reason}).`)
    this.reason = reason
  }
}

export interface FollowerOptions {
  readonly hub: Hub
  readonly channels: readonly string[]
  /** Which event types it sends; default all. It passes over the others as if they were on other channels. */
  readonly types?: ReadonlySet<string> | undefined
  /** Whether it sends personal fields as if their subjects were erased. Default false. */
  readonly isRedacted?: boolean
  readonly signal: AbortSignal
}

/**
 * What `take` left: `end`, nothing; `more`, something, or the output has no room; `behind`, what comes next has to be read
 * from the log first.
 */
type Taken = 'end' | 'more' | 'behind'

/** What `take` gives events to. */
type Taker = Pick<Output, 'hasRoom' | 'sendEvent' | 'together'>

/** A snapshot of the time before the first transaction. */
const hidesNothing = '1:1:'

/** What a snapshot adds to a cursor. */
function suffixOf(snapshot: string, timeline: number): string {
  const start = { epoch: 0, offsets: [0] }
  const noted = { ...start, snapshot, ...(Number.isFinite(timeline) && { timeline }) }
  return encodeCursor(noted).slice(encodeCursor(start).length)
}

/** How long a cursor may be ahead of this hub (another node was faster) before the broker is asked whether it can be. */
const aheadMs = 3_000

/**
 * A client's position in the hub: offsets, not a queue. What it has not taken costs nothing. A class,
 * as each event touches it at every client (docs/decisions, 12).
 */
export class Follower {
  /** The cursor that was last given to an output. */
  sentCursor = ''
  /** Shared with the hub and other followers: never written to. */
  #offsets: readonly number[]
  #seq: number
  #snapshot: ReturnType<typeof parseSnapshot>
  readonly #hub: Hub
  readonly #channels: readonly string[]
  readonly #types: ReadonlySet<string> | undefined
  readonly #isRedacted: boolean
  /** What follows the offsets in its cursors: the snapshot and its timeline, for one that began with a state. */
  #suffix = ''
  /** The number of the answer that says how far the snapshot hides events. */
  #askedFor = 0
  /** The database's timeline when the snapshot was taken; with none, nothing is later. */
  #timeline = Number.POSITIVE_INFINITY
  #chunk: Chunk | undefined
  /** Whether it had everything of its channels when `take` last returned. */
  #hadAll = false
  #caughtUpBytes = 0
  readonly #options: FollowerOptions

  constructor(options: FollowerOptions) {
    const { hub, channels, types, isRedacted = false } = options
    this.#offsets = hub.heads
    this.#seq = hub.ring.end
    this.#hub = hub
    this.#channels = channels
    this.#types = types
    this.#isRedacted = isRedacted
    this.#options = options
  }

  /** Where it is now, as a text for the client. */
  cursor(): string {
    return encodeCursor({ epoch: this.#hub.topic.epoch, offsets: this.#offsets }) + this.#suffix
  }

  /** Moves to another position. Throws `MustResync` where that can't be continued. */
  async seek(cursor: Cursor): Promise<void> {
    const { topic } = this.#hub
    if (cursor.epoch !== topic.epoch) throw new MustResync('epoch')
    if (cursor.offsets.length !== topic.partitions) throw new MustResync('cursor')
    await Promise.all(cursor.offsets.map((offset, partition) => this.#waitForHub(partition, offset)))
    this.#offsets = [...cursor.offsets]
    this.#seq = -1
    this.#hadAll = false
    if (cursor.snapshot !== undefined) this.skipVisible(cursor.snapshot, cursor.timeline)
  }

  /** Goes to where the hub is now. */
  seekEnd(): void {
    this.#offsets = this.#hub.heads
    this.#seq = this.#hub.ring.end
    this.#hadAll = false
    this.#caughtUpBytes = 0
    this.#snapshot = undefined
    this.#suffix = ''
    this.#timeline = Number.POSITIVE_INFINITY
  }

  /** Leaves out everything up to these offsets, also what the hub has not read yet. */
  skipTo(offsets: readonly number[]): void {
    this.#goTo(offsets)
  }

  /**
   * Leaves out what this snapshot (`pg_current_snapshot()` as text) already shows, and puts it into the cursors. It says
   * nothing of events that come under a later timeline: after a fail-over ids of transactions come again.
   */
  skipVisible(snapshot: string, timeline = Number.POSITIVE_INFINITY): void {
    const parsed = parseSnapshot(snapshot)
    if (!parsed) throw new MustResync('cursor')
    this.#snapshot = snapshot === hidesNothing ? undefined : parsed
    this.#suffix = suffixOf(snapshot, timeline)
    this.#timeline = timeline
    if (this.#snapshot) this.#askedFor = this.#hub.shown?.ask() ?? 0
  }

  /**
   * Leaves the snapshot where nothing that follows is shown by it. Its timeline stays: after a fail-over the state may have
   * shown what is gone.
   */
  #leaveSnapshot(): void {
    const newest = this.#hub.shown?.newest
    if (!newest || newest.number < this.#askedFor || newest.timeline !== this.#timeline) return
    for (const [partition, offset] of newest.offsets.entries()) if (this.#offsets[partition]! < offset) return
    this.#snapshot = undefined
    this.#suffix = suffixOf(hidesNothing, this.#timeline)
  }

  /** Gives the next events to `output` while that has room, at most `limit`. Throws `MustResync`. */
  take(output: Taker, limit: number): Taken {
    if (this.#hub.hasEnded) throw new MustResync('epoch')
    if (this.#hub.timeline > this.#timeline) throw new MustResync('failover')
    this.#hadAll = false
    if (this.#snapshot !== undefined) this.#leaveSnapshot()
    const partition = this.#lagging()
    return partition === -1 ? this.#takeFromRing(output, limit) : this.#takeFromLog(partition, output, limit)
  }

  /** Something came for it that it did not take: it stays where it is until it takes again. */
  halt(): void {
    this.#hadAll = false
  }

  /**
   * Moves to the hub's position. Only for one that the hub wakes for each event of its channels and has not woken since `take`: then
   * nothing of what came meanwhile was for it. Changes nothing where it had not everything then.
   */
  passOver(): void {
    if (!this.#hadAll) return
    const { ring, heads } = this.#hub
    this.#seq = ring.end
    this.#goTo(heads)
  }

  /** The same up to the entry that the hub has woken it for; where the ring still has all that came since, it needs no help. */
  passTo({ seq, heads, partition, offset }: RingEntry): void {
    if (!this.#hadAll || this.#seq >= this.#hub.ring.start) return
    this.#seq = seq
    this.#goTo(heads.with(partition, offset - 1))
  }

  /** Reads what `take` needs where it is behind. Throws `MustResync`. */
  async load(): Promise<void> {
    const { hasEnded, limits, logCache, ring } = this.#hub
    if (hasEnded) throw new MustResync('epoch')
    this.letGo()
    const partition = this.#lagging()
    if (partition === -1) return
    const offset = this.#offsets[partition]!
    const isTooFar = ring.tail(partition) - offset > limits.maxCatchUp
    if (isTooFar || this.#caughtUpBytes > limits.maxCatchUpBytes) throw new MustResync('retention')
    try {
      this.#chunk = await logCache.read(partition, offset)
    } catch (error) {
      if (error instanceof OffsetGone) throw new MustResync('retention')
      throw error
    }
  }

  /** Lets go of what it read of the log: others may wait for room. What of it was not taken is read again. */
  letGo(): void {
    const chunk = this.#chunk
    this.#chunk = undefined
    if (chunk) this.#hub.logCache.release(chunk)
  }

  /**
   * The partition that has to be read from the log: that of the chunk in hand, then the one that is furthest behind, so
   * that a client which reconnects often makes progress in all. None while everything from `seq` on is in the ring.
   */
  #lagging(): number {
    const { ring } = this.#hub
    if (this.#seq >= ring.start) return -1
    const lags = this.#offsets.map((offset, partition) => ring.tail(partition) - offset)
    if (this.#chunk && lags[this.#chunk.partition]! > 0) return this.#chunk.partition
    // The ring has what is left of it.
    this.letGo()
    const longest = Math.max(...lags)
    if (longest > 0) return lags.indexOf(longest)
    this.#seq = ring.start
    this.#caughtUpBytes = 0
    return -1
  }

  #takeFromRing(output: Taker, limit: number): Taken {
    const { ring, heads } = this.#hub
    const entries = ring.read(this.#channels, this.#seq, limit)
    const hasAll =
      entries.length > 1 ? output.together(() => this.#passAll(entries, output)) : this.#passAll(entries, output)
    if (!hasAll || entries.length === limit) return 'more'
    this.#seq = ring.end
    this.#goTo(heads)
    this.#hadAll = true
    return 'end'
  }

  #passAll(entries: readonly RingEntry[], output: Taker): boolean {
    for (const entry of entries) {
      if (!output.hasRoom()) return false
      this.#pass(entry, output)
    }
    return true
  }

  #pass(entry: RingEntry, output: Taker): void {
    this.#seq = entry.seq + 1
    const isOld = entry.offset <= this.#offsets[entry.partition]!
    const isSame = this.#goTo(entry.heads)
    if (isOld || !this.#isSent(entry)) return
    if (!isSame) this.sentCursor = this.cursor()
    else this.sentCursor = this.#suffix === '' ? entry.cursor : entry.cursor + this.#suffix
    this.#send(entry, output)
  }

  #send(entry: LiveEntry, output: Taker): void {
    output.sendEvent(this.sentCursor, this.#isRedacted ? redactedOf(entry) : entry)
  }

  /** Says whether it is now nowhere further than `heads`. */
  #goTo(heads: readonly number[]): boolean {
    const isWithin = this.#offsets.every((offset, partition) => offset <= heads[partition]!)
    this.#offsets = isWithin ? heads : this.#offsets.map((offset, partition) => Math.max(offset, heads[partition]!))
    return isWithin
  }

  #takeFromLog(partition: number, output: Taker, limit: number): Taken {
    const chunk = this.#chunk
    const after = this.#offsets[partition]!
    if (chunk?.partition !== partition || after < chunk.after || after >= chunk.to) return 'behind'
    let given = 0
    for (const entry of chunk.entries) {
      if (entry.offset <= after) continue
      if (this.#isFollowed(entry)) {
        const hasRoom = output.hasRoom()
        if (given++ === limit || !hasRoom) {
          // What was passed over counts once.
          this.#offsets = this.#offsets.with(partition, entry.offset - 1)
          // It may be long before there is room.
          if (!hasRoom) this.letGo()
          return 'more'
        }
        this.#offsets = this.#offsets.with(partition, entry.offset)
        this.sentCursor = this.cursor()
        this.#send(entry, output)
      }
      this.#caughtUpBytes += entry.message.body.length
    }
    this.#offsets = this.#offsets.with(partition, chunk.to)
    this.letGo()
    return 'more'
  }

  #isFollowed(entry: LiveEntry): boolean {
    return entry.channels.some((channel) => this.#channels.includes(channel)) && this.#isSent(entry)
  }

  /** Whether an event of its channels is of a type that it sends, and new to the client's state. */
  #isSent({ message, tx }: LiveEntry): boolean {
    if (this.#types !== undefined && !this.#types.has(message.type)) return false
    return this.#snapshot === undefined || !isVisible(tx, this.#snapshot)
  }

  async #waitForHub(partition: number, offset: number): Promise<void> {
    const { logCache } = this.#hub
    const isThere = () => this.#hub.heads[partition]! >= offset
    for (let waitMs = 5, until = Date.now() + aheadMs; !isThere() && Date.now() < until; waitMs *= 2) {
      await sleep(waitMs, this.#options.signal)
      if (this.#options.signal.aborted) return
    }
    if (!isThere() && (await logCache.last(partition)) < offset) throw new MustResync('cursor')
  }
}
