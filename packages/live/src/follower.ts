import { OffsetGone } from '@commitcast/broker'
import {
  type Cursor,
  channelsOf,
  encodeCursor,
  isVisible,
  type LiveEvent,
  parseSnapshot,
  type ResyncReason,
} from '@commitcast/events'
import { createBell, sleep } from '@commitcast/worker'
import type { Hub } from './hub.ts'
import type { RingEntry } from './ring.ts'

/** One event on its way to a client, with the cursor to come back with after it. */
export interface Delivery {
  readonly cursor: string
  readonly event: LiveEvent
}

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
}

/** A client's place in the hub: offsets, not a queue. What it has not taken costs nothing. */
export interface Follower {
  /** Where it is now, as a text for the client. */
  readonly cursor: string
  /** Goes to another place. Throws `MustResync` where that can't be continued. */
  seek(cursor: Cursor): Promise<void>
  /** Goes to where the hub is now. */
  seekEnd(): void
  /** Leaves out what this snapshot (`pg_current_snapshot()` as text) already shows, and puts it into the cursors. */
  skipVisible(snapshot: string): void
  /** The next deliveries, at most `limit`; none where there is nothing yet. Throws `MustResync`. */
  take(limit: number): Promise<readonly Delivery[]>
  /** Waits for news, at most `ms`; says whether there may be some. */
  wait(ms: number): Promise<boolean>
  detach(): void
}

/** How long a cursor may be ahead of this hub (another node was faster) before the broker is asked. */
const aheadMs = 3_000

export function createFollower({ hub, channels, signal, maxCatchUp = 10_000 }: FollowerOptions): Follower {
  const { topic, ring } = hub
  const bell = createBell()
  const detach = hub.attach(channels, bell)
  let offsets = [...hub.heads]
  let seq = ring.end
  let snapshotText: string | undefined
  let snapshot: ReturnType<typeof parseSnapshot>

  const cursorText = (): string =>
    encodeCursor({ epoch: topic.epoch, offsets, ...(snapshotText !== undefined && { snapshot: snapshotText }) })
  const isShown = (tx: bigint) => snapshot !== undefined && isVisible(tx, snapshot)
  /** The first partition that has to be read from the log; none while everything from `seq` on is in the ring. */
  const lagging = () => {
    if (seq >= ring.start) return -1
    const partition = offsets.findIndex((offset, p) => offset < ring.tail(p))
    if (partition === -1) seq = ring.start
    return partition
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
    const last = await topic.last(partition)
    if ((last?.offset ?? 0) < offset) throw new MustResync('cursor')
  }

  /** Reads the log of one partition up to the ring's beginning. */
  const catchUp = async (partition: number): Promise<Delivery[]> => {
    const until = ring.tail(partition)
    if (until - offsets[partition]! > maxCatchUp) throw new MustResync('retention')
    const deliveries: Delivery[] = []
    try {
      for await (const batch of topic.read(partition, offsets[partition]!, { signal, maxBatch: 500 })) {
        for (const message of batch) {
          offsets[partition] = message.offset
          if (!channelsOf(message).some((channel) => channels.includes(channel))) continue
          if (isShown(BigInt(message.tx))) continue
          deliveries.push({ cursor: cursorText(), event: hub.decode(message, partition) })
        }
        if (offsets[partition]! >= until || deliveries.length > 0) break
      }
    } catch (error) {
      if (error instanceof OffsetGone) throw new MustResync('retention')
      throw error
    }
    return deliveries
  }

  /** Passes over what is not for this client, however much it is: nothing returned means that nothing is there. */
  const takeFromRing = (limit: number): Delivery[] => {
    const deliveries: Delivery[] = []
    let isEnd = false
    while (!isEnd && deliveries.length === 0) {
      const entries = ring.read(channels, seq, limit)
      for (const entry of entries) pass(entry, deliveries)
      isEnd = entries.length < limit
    }
    if (isEnd) {
      seq = ring.end
      offsets = offsets.map((offset, partition) => Math.max(offset, hub.heads[partition]!))
    }
    return deliveries
  }

  const pass = (entry: RingEntry, deliveries: Delivery[]) => {
    seq = entry.seq + 1
    const isOld = entry.offset <= offsets[entry.partition]!
    const isSame = offsets.every((offset, partition) => offset <= entry.heads[partition]!)
    offsets = isSame ? [...entry.heads] : offsets.map((offset, p) => Math.max(offset, entry.heads[p]!))
    if (isOld || isShown(entry.tx)) return
    const cursor = isSame && snapshotText === undefined ? entry.cursor : cursorText()
    deliveries.push({ cursor, event: entry.event })
  }

  return {
    get cursor() {
      return cursorText()
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
      offsets = [...hub.heads]
      seq = ring.end
    },
    skipVisible(text) {
      snapshot = parseSnapshot(text)
      if (!snapshot) throw new MustResync('cursor')
      snapshotText = text
    },
    async take(limit) {
      if (hub.hasEnded) throw new MustResync('epoch')
      const partition = lagging()
      return partition === -1 ? takeFromRing(limit) : catchUp(partition)
    },
    wait: (ms) => bell.wait(ms, signal),
    detach,
  }
}
