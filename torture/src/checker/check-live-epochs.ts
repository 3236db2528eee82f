import { checkLive, type LiveFindings, type LookUpTables } from './check-live.ts'
import type { StoredEpoch } from './epoch-logs.ts'
import type { LiveReader } from './live-reader.ts'

export interface LiveEpochs {
  /** What is stored of our events, by epoch. */
  readonly events: readonly StoredEpoch[]
  /** The live topic, by epoch, and what was seen of it. */
  readonly live: readonly StoredEpoch[]
  readonly readers: readonly LiveReader[]
}

/** Compares the live topic with the events, in each epoch that has ended up to where its own events end. */
export function checkLiveEpochs({ events, live, readers }: LiveEpochs, tables: LookUpTables): LiveFindings {
  const found = events.map(({ partitions }, index) => {
    const reader = readers[index]
    const isOwn = (partition: number, offset: number) =>
      index === events.length - 1 || offset <= partitions[partition]!.length
    return checkLive({
      events: partitions,
      live: partitions.map((_, partition) => {
        const messages = live[index]?.partitions[partition] ?? []
        return messages.filter(({ offset }) => isOwn(partition, offset))
      }),
      seen: partitions.map((_, partition) => reader?.seen(partition) ?? []),
      changed: (reader?.changed ?? [])
        .filter(({ partition, offset }) => isOwn(partition, offset))
        .map(({ partition, offset, words }) => `partition ${partition}, offset ${offset}: ${words}`),
      tables,
    })
  })
  return {
    lost: found.flatMap(({ lost }) => lost),
    duplicated: found.flatMap(({ duplicated }) => duplicated),
    outOfOrder: found.flatMap(({ outOfOrder }) => outOfOrder),
  }
}
