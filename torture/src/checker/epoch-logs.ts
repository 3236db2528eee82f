import type { BrokerLog, Found } from './broker-log.ts'
import { type LiveReader, startLiveReader } from './live-reader.ts'

/** A topic in one epoch: what the broker has, and what was seen of it meanwhile. */
export interface EpochLog {
  readonly epoch: number
  readonly log: BrokerLog
  readonly reader: LiveReader
}

/** A topic in all of its epochs. */
export interface EpochLogs {
  readonly all: readonly EpochLog[]
  /** Follows the topic up to this epoch. */
  followTo(epoch: number): Promise<void>
  /** Resolves when the signal has aborted and all is closed. */
  closed(): Promise<void>
}

/** What is stored of a topic in one epoch, by partition. */
export interface StoredEpoch {
  readonly epoch: number
  readonly partitions: readonly (readonly Found[])[]
}

/** Opens a topic in epoch 1, and follows it from there. `open` may be called again after it failed. */
export async function openEpochLogs(
  open: (epoch: number) => Promise<BrokerLog>,
  { partitions, signal }: { readonly partitions: number; readonly signal: AbortSignal },
): Promise<EpochLogs> {
  const all: EpochLog[] = []
  let opening: Promise<void> = Promise.resolve()
  const openNext = async (upTo: number) => {
    for (let epoch = all.length + 1; epoch <= upTo; epoch++) {
      const log = await open(epoch)
      all.push({ epoch, log, reader: startLiveReader(log, partitions, signal) })
    }
  }
  const followTo = (epoch: number) => {
    opening = opening.catch(() => {}).then(() => openNext(epoch))
    return opening
  }
  await followTo(1)
  return {
    all,
    followTo,
    async closed() {
      await Promise.all(all.map(({ reader }) => reader.done))
      await Promise.allSettled(all.map(({ log }) => log.close()))
    },
  }
}

/**
 * What of each epoch is ours. One that has ended may hold at its end what another program wrote, or what a server wrote whose
 * place a standby took that lagged: its own events end there, and those of ours behind stand in a later epoch.
 */
export function ownEpochs(ids: ReadonlySet<string>, stored: readonly StoredEpoch[]): readonly StoredEpoch[] {
  const later = new Set<string>()
  const own = stored.toReversed().map(({ epoch, partitions }, index) => {
    const isOver = ({ id }: Found) => !ids.has(id) || later.has(id)
    const kept = index === 0 ? partitions : partitions.map((messages) => before(messages, isOver))
    for (const { id } of kept.flat()) later.add(id)
    return { epoch, partitions: kept }
  })
  return own.reverse()
}

function before<T>(items: readonly T[], isEnd: (item: T) => boolean): readonly T[] {
  const end = items.findIndex(isEnd)
  return end === -1 ? items : items.slice(0, end)
}
