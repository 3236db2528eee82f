import type { Lease } from './leases.ts'
import { type PartitionRun, type PartitionRunOptions, startPartitionRun } from './partition-run.ts'

/** The runs of all partitions of one worker. A partition's next run waits for the one before it. */
export interface PartitionRuns {
  readonly running: ReadonlyMap<number, PartitionRun>
  /** Partitions whose work runs or has not ended yet: their leases are kept for so long. */
  busy(): readonly number[]
  /** Whether work that was asked to end has not ended yet. */
  isEnding(): boolean
  /** Starts the runs of these leases, under this server, and ends all others; those of `stale` partitions begin again. */
  adopt(held: readonly Lease[], server: string, stale?: ReadonlySet<number>): void
  /** Calls `wait` with a signal that aborts as soon as work has ended that was asked to, also where it ended before the call. */
  untilEnd(wait: (ended: AbortSignal) => Promise<void>): Promise<void>
}

export function createPartitionRuns(options: Omit<PartitionRunOptions, 'before'>): PartitionRuns {
  const running = new Map<number, PartitionRun>()
  const ending = new Map<number, Promise<void>>()
  let hasEnded = new AbortController()

  const end = (partition: number, run: PartitionRun) => {
    run.stopping.abort()
    running.delete(partition)
    const ended = run.done.then(() => {
      if (ending.get(partition) === ended) ending.delete(partition)
      hasEnded.abort()
    })
    ending.set(partition, ended)
  }

  return {
    running,
    busy: () => [...new Set([...running.keys(), ...ending.keys()])],
    isEnding: () => ending.size > 0,
    adopt(held, server, stale = new Set()) {
      const terms = new Map(held.map((lease) => [lease.partition, lease.term]))
      for (const [partition, run] of running) {
        const isSame = terms.get(partition) === run.term && run.server === server
        if (!isSame || stale.has(partition)) end(partition, run)
      }
      for (const lease of held) {
        const { partition } = lease
        if (running.has(partition)) continue
        running.set(partition, startPartitionRun({ ...lease, server }, { ...options, before: ending.get(partition) }))
      }
    },
    async untilEnd(wait) {
      await wait(hasEnded.signal)
      hasEnded = new AbortController()
    },
  }
}
