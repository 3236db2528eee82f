import { createBackoff } from './backoff.ts'
import type { Lease } from './leases.ts'
import type { OutageLog } from './outage-log.ts'
import { createPartitionTask, type PartitionReport, type PartitionTask } from './partition-task.ts'

/** A lease, and the database's server under which the work on it began. With another server it begins again. */
export interface HeldLease extends Lease {
  readonly server: string
}

/** Works on one partition until its signal aborts. When it throws, it is called again after a backed-off wait. */
export type PartitionWork = (lease: HeldLease, signal: AbortSignal, report: PartitionReport) => Promise<void>

/** The work on one partition under one lease. */
export interface PartitionRun {
  readonly term: bigint
  readonly server: string
  readonly stopping: AbortController
  readonly done: Promise<void>
  readonly task: PartitionTask
}

export interface PartitionRunOptions {
  readonly work: PartitionWork
  readonly outages: OutageLog
  readonly held: PartitionReport['held']
  /** The end of the partition's work under an earlier lease. */
  readonly before: Promise<void> | undefined
}

/** Starts the work on a partition and keeps it going until the run's `stopping` aborts. */
export function startPartitionRun(lease: HeldLease, options: PartitionRunOptions): PartitionRun {
  const { work, outages, held, before } = options
  const { partition, term, server } = lease
  const stopping = new AbortController()
  const backoff = createBackoff()
  const task = createPartitionTask({ partition, outages, held, onProgress: backoff.reset })
  const keepGoing = async () => {
    await before
    while (!stopping.signal.aborted) {
      try {
        task.report.busy('the database and the broker')
        await work(lease, stopping.signal, task.report)
        if (!stopping.signal.aborted) throw new Error('The work ended before it was asked to.')
      } catch (error) {
        if (stopping.signal.aborted) break
        task.failed(error)
        await backoff.wait(stopping.signal)
      }
    }
    outages.forget(partition)
  }
  return { term, server, stopping, task, done: keepGoing() }
}
