import { OffsetGone } from '@commitcast/broker'
import { type Cursor, encodeCursor, isVisible, parseSnapshot, type ResyncReason } from '@commitcast/events'
import { sleep } from '@commitcast/worker'
import { defaultMaxCatchUpBytes } from './guards/limits.ts'
import type { Hub } from './hub.ts'
import type { LiveEntry } from './live-entry.ts'
import type { Output } from './output/output.ts'
import type { Stretch } from './past.ts'
import type { RingEntry } from './ring.ts'

/** The cursor can't be continued without a gap. */
export class MustResync extends Error {
  override readonly name = 'MustResync'
  readonly reason: ResyncReason

  constructor(reason: ResyncReason) {
    super(`The cursor can't be continued (${reason}).`)
    this.reason = reason
  }
}

export interface FollowerOptions {
  readonly hub: Hub
  readonly channels: readonly string[]
  readonly signal: AbortSignal
  /** How many messages of the log a client may be behind the ring before it has to resync. Default 10,000. */
  readonly maxCatchUp?: number
  /** How much it may read of the log before it has reached the ring, in bytes of message bodies. Default 32 MiB. */
  readonly maxCatchUpBytes?: number
}

/**
 * What `take` left: `end`, nothing; `more`, something, or the output has no room; `behind`, what comes next has to be read
 * from the log first.
 */
type Taken = 'end' | 'more' | 'behind'

/** A client's place in the hub: offsets, not a queue. What it has not taken costs nothing. */
export interface Follower {
  /** Where it is now, as a text for the client. */
  readonly cursor: string
  /** The cursor that was last given to an output. */
  readonly sentCursor: string
  /** Goes to another place. Throws `MustResync` where that can't be continued. */
  seek(cursor: Cursor): Promise<void>
  /** Goes to where the hub is now. */
  seekEnd(): void
  /** Leaves out what this snapshot (`pg_current_snapshot()` as text) already shows, and puts it into the cursors. */
  skipVisible(snapshot: string): void
  /** Gives the next events to `output` while that has room, at most `limit`. Throws `MustResync`. */
  take(output: Pick<Output, 'hasRoom' | 'sendEvent' | 'together'>, limit: number): Taken
  /** Reads what `take` needs where it is behind. Throws `MustResync`. */
  load(): Promise<void>
}

/** How long a cursor may be ahead of this hub (another node was faster) before the broker is asked. */
const aheadMs = 3_000

export function createFollower(options: FollowerOptions): Follower {
  const { hub, channels, signal, maxCatchUp = 10_000, maxCatchUpBytes = defaultMaxCatchUpBytes } = options
  const { topic, ring, past } = hub
  /** Shared with the hub and other followers: never written to. */
  let offsets = hub.heads
  let seq = ring.end
  let sentCursor = ''
  let snapshotText: string | undefined
  let snapshot: ReturnType<typeof parseSnapshot>
  let stretch: Stretch | undefined
  let caughtUpBytes = 0

  const cursorText = (): string =>
    encodeCursor({ epoch: topic.epoch, offsets, ...(snapshotText !== undefined && { snapshot: snapshotText }) })
  const isShown = (tx: bigint) => snapshot !== undefined && isVisible(tx, snapshot)
  const goTo = (heads: readonly number[]) => {
    const isWithin = offsets.every((offset, partition) => offset <= heads[partition]!)
    offsets = isWithin ? heads : offsets.map((offset, partition) => Math.max(offset, heads[partition]!))
    return isWithin
  }

  /** The first partition that has to be read from the log; none while everything from `seq` on is in the ring. */
  const lagging = () => {
    if (seq >= ring.start) return -1
    const partition = offsets.findIndex((offset, p) => offset < ring.tail(p))
    if (partition !== -1) return partition
    seq = ring.start
    caughtUpBytes = 0
    return -1
  }

  const waitForHub = async (partition: number, offset: number) => {
    for (
      let waitMs = 5, until = Date.now() + aheadMs;
      hub.heads[partition]! < offset && Date.now() < until;
      waitMs *= 2
    ) {
      await sleep(waitMs, signal)
      if (signal.aborted) return
    }
    if (hub.heads[partition]! >= offset) return
    if ((await past.last(partition)) < offset) throw new MustResync('cursor')
  }

  const takeFromRing = (output: Parameters<Follower['take']>[0], limit: number): Taken => {
    const entries = ring.read(channels, seq, limit)
    const passAll = () => entries.every((entry) => output.hasRoom && pass(entry, output))
    let hasAll = true
    if (entries.length > 1) output.together(() => (hasAll = passAll()))
    else hasAll = passAll()
    if (!hasAll || entries.length === limit) return 'more'
    seq = ring.end
    goTo(hub.heads)
    return 'end'
  }

  const pass = (entry: RingEntry, output: Pick<Output, 'sendEvent'>) => {
    seq = entry.seq + 1
    const isOld = entry.offset <= offsets[entry.partition]!
    const isSame = goTo(entry.heads)
    if (isOld || isShown(entry.tx)) return true
    sentCursor = isSame && snapshotText === undefined ? entry.cursor : cursorText()
    output.sendEvent(sentCursor, entry)
    return true
  }

  const takeFromLog = (partition: number, output: Parameters<Follower['take']>[0], limit: number): Taken => {
    const after = offsets[partition]!
    if (stretch?.partition !== partition || after < stretch.after || after >= stretch.to) return 'behind'
    let given = 0
    for (const entry of stretch.entries) {
      if (entry.offset <= after) continue
      if (isFollowed(entry)) {
        if (given++ === limit) return 'more'
        if (!output.hasRoom) {
          // It may be long before there is room: what nobody else holds is let go meanwhile.
          stretch = undefined
          return 'more'
        }
        offsets = offsets.with(partition, entry.offset)
        sentCursor = cursorText()
        output.sendEvent(sentCursor, entry)
      }
      caughtUpBytes += entry.message.body.length
    }
    offsets = offsets.with(partition, stretch.to)
    stretch = undefined
    return 'more'
  }
  const isFollowed = (entry: LiveEntry) =>
    entry.channels.some((channel) => channels.includes(channel)) && !isShown(entry.tx)

  return {
    get cursor() {
      return cursorText()
    },
    get sentCursor() {
      return sentCursor
    },
    async seek(cursor) {
      if (cursor.epoch !== topic.epoch) throw new MustResync('epoch')
      if (cursor.offsets.length !== topic.partitions) throw new MustResync('cursor')
      for (const [partition, offset] of cursor.offsets.entries()) await waitForHub(partition, offset)
      offsets = [...cursor.offsets]
      seq = -1
      if (cursor.snapshot !== undefined) this.skipVisible(cursor.snapshot)
    },
    seekEnd() {
      offsets = hub.heads
      seq = ring.end
      caughtUpBytes = 0
      snapshot = undefined
      snapshotText = undefined
    },
    skipVisible(text) {
      snapshot = parseSnapshot(text)
      if (!snapshot) throw new MustResync('cursor')
      snapshotText = text
    },
    take(output, limit) {
      if (hub.hasEnded) throw new MustResync('epoch')
      const partition = lagging()
      return partition === -1 ? takeFromRing(output, limit) : takeFromLog(partition, output, limit)
    },
    async load() {
      if (hub.hasEnded) throw new MustResync('epoch')
      const partition = lagging()
      if (partition === -1) return
      const offset = offsets[partition]!
      if (ring.tail(partition) - offset > maxCatchUp || caughtUpBytes > maxCatchUpBytes) {
        throw new MustResync('retention')
      }
      try {
        stretch = await past.read(partition, offset)
      } catch (error) {
        if (error instanceof OffsetGone) throw new MustResync('retention')
        throw error
      }
    },
  }
}
