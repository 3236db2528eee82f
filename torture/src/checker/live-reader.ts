import { sleep } from '@commitcast/worker'
import type { BrokerLog, Found } from './broker-log.ts'

/** Reads along while everything is under attack, and remembers what it saw at each offset. */
export interface LiveReader {
  /** What was first seen at each offset of a partition; the index is the offset. */
  seen(partition: number): readonly (Found | undefined)[]
  /** Offsets whose content was another one when they were seen again. */
  readonly changed: readonly Changed[]
  /** How often a partition, having ended earlier than before, grew past its old end again. */
  readonly refills: number
  readonly done: Promise<void>
}

interface Changed {
  readonly partition: number
  readonly offset: number
  readonly words: string
}

const pauseMs = 150

/** Starts to read `partitions` partitions, round after round, until the signal aborts. Outages are waited out. */
export function startLiveReader(log: BrokerLog, partitions: number, signal: AbortSignal): LiveReader {
  const seen: (Found | undefined)[][] = Array.from({ length: partitions }, () => [])
  const positions = seen.map(() => 0)
  const lostFrom = new Map<number, number>()
  const changed: Changed[] = []
  let refills = 0

  const follow = async (partition: number) => {
    const { last } = await log.bounds(partition)
    const position = positions[partition]!
    if (last < position) lostFrom.set(partition, Math.max(position, lostFrom.get(partition) ?? 0))
    if (last >= (lostFrom.get(partition) ?? Number.POSITIVE_INFINITY)) {
      refills++
      lostFrom.delete(partition)
    }
    const after = Math.min(position, last)
    const messages = last > after ? await log.read(partition, after, last) : []
    for (const message of messages) remember(seen[partition]!, message, { partition, changed })
    positions[partition] = messages.at(-1)?.offset ?? after
  }
  const done = (async () => {
    while (!signal.aborted) {
      for (let partition = 0; partition < partitions && !signal.aborted; partition++) {
        await follow(partition).catch(() => {})
      }
      await sleep(pauseMs, signal)
    }
  })()
  return {
    seen: (partition) => seen[partition]!,
    changed,
    get refills() {
      return refills
    },
    done,
  }
}

function remember(
  seen: (Found | undefined)[],
  message: Found,
  { partition, changed }: { partition: number; changed: Changed[] },
): void {
  const before = seen[message.offset]
  seen[message.offset] ??= message
  if (before === undefined || before.digest === message.digest) return
  const { offset, id } = message
  changed.push({ partition, offset, words: `first event ${before.id}, then ${id}` })
}
