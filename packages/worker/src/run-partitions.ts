import { createBackoff } from './backoff.ts'
import type { Health } from './health.ts'
import type { Lease, Leases } from './leases.ts'
import type { Logger } from './logger.ts'

import { createOutageLog } from './outage-log.ts'
import { createPartitionTask, type PartitionReport, type PartitionTask } from './partition-task.ts'
import { partitionsHealth } from './partitions-health.ts'
import { type LastingTrouble, lasting, silence, toTrouble, toUnserved } from './trouble.ts'

import { createTrust } from './trust.ts'

/** A lease, and the database's server under which the work on it began. With another server it begins again. */
interface HeldLease extends Lease {
  readonly server: string
}

export interface PartitionsOptions {
  readonly leases: Leases
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Fields of every line in the log. */
  readonly about?: object
  /** Says which partitions no worker of the group holds. Asked while this one holds none: the others may hold them all. */
  readonly unserved?: () => Promise<readonly number[]>
  /** Works on one partition until its signal aborts. When it throws, it is called again after a backed-off wait. */
  readonly work: (lease: HeldLease, signal: AbortSignal, report: PartitionReport) => Promise<void>
}

export interface Partitions {
  health(): Health
  /** Resolves when the signal has aborted, all work has ended and the leases are handed over. */
  readonly done: Promise<void>
}

interface Running {
  readonly term: bigint
  readonly server: string
  readonly stopping: AbortController
  readonly done: Promise<void>
  readonly task: PartitionTask
}

const lookMs = 1_000

/** Keeps one piece of work going for each partition that this worker holds a lease of. Outages are waited out. */
export function runPartitions(options: PartitionsOptions): Partitions {
  const { leases, signal, logger, about, unserved, work } = options
  const tasks = new Map<number, Running>()
  /** Work that was asked to end and has not yet: its leases are kept for so long. */
  const ending = new Map<number, Promise<void>>()
  let hasEnded = new AbortController()
  const trust = createTrust(leases.ttlMs)
  const outages = createOutageLog({
    logger,
    ...(about && { about }),
    began: 'partition waits',
    ended: 'partition continues',
  })
  const leaseOutages = createOutageLog({
    ...{ logger, ...(about && { about }) },
    began: 'can not renew the leases; waiting',
    ended: 'the leases are renewed again',
  })
  let trouble: LastingTrouble | undefined = lasting({ code: 'STARTING', message: 'starting' }, undefined)
  let askedAt: number | undefined

  const start = (lease: HeldLease): Running => {
    const stopping = new AbortController()
    const { partition, term, server } = lease
    const backoff = createBackoff()
    const task = createPartitionTask({ partition, outages, held: trust.held, onProgress: backoff.reset })
    const keepGoing = async () => {
      await ending.get(partition)
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
  const looking = setInterval(() => {
    for (const { task } of tasks.values()) task.look()
  }, lookMs).unref()

  const renew = async () => {
    const before = new Map([...tasks].map(([partition, { task }]) => [partition, task.committed]))
    const at = Date.now()
    askedAt = at
    const busy = [...new Set([...tasks.keys(), ...ending.keys()])]
    const held = await leases.renew({ busy, isLeaving: signal.aborted })
    trust.renew(at)
    const lost = held.filter(({ partition, progress }) => isBehind(progress, before.get(partition)))
    for (const { partition, progress } of lost) {
      // Where none is left, the group itself was removed, as a rebuild's is at its end.
      if (progress !== undefined) logger.warn({ partition }, 'the database has lost commits; reading it again')
    }
    adopt(held, new Set(lost.map(({ partition }) => partition)))
    const free = held.length === 0 ? ((await unserved?.()) ?? []) : []
    trouble = free.length === 0 ? undefined : lasting(toUnserved(free), trouble)
  }

  /** Ends and starts tasks. A partition's next task waits for the one before it; renewals don't. */
  const adopt = (held: readonly Lease[], stale: ReadonlySet<number>) => {
    const kept = signal.aborted ? [] : held.filter(({ isOver }) => !isOver)
    const terms = new Map(kept.map((lease) => [lease.partition, lease.term]))
    for (const [partition, task] of tasks) {
      const isSame = terms.get(partition) === task.term && task.server === leases.server
      if (!isSame || stale.has(partition)) end(partition, task)
    }
    for (const lease of kept)
      if (!tasks.has(lease.partition)) tasks.set(lease.partition, start({ ...lease, server: leases.server }))
  }

  const end = (partition: number, task: Running) => {
    task.stopping.abort()
    tasks.delete(partition)
    const ended = task.done.then(() => {
      if (ending.get(partition) === ended) ending.delete(partition)
      hasEnded.abort()
    })
    ending.set(partition, ended)
  }

  /** Resolves when it is time to renew: what has ended is handed over at once. */
  const nextRenewal = async () => {
    await leases.nextRenewal(signal.aborted ? hasEnded.signal : AbortSignal.any([signal, hasEnded.signal]))
    hasEnded = new AbortController()
  }

  const done = (async () => {
    const backoff = createBackoff()
    while (!signal.aborted) {
      try {
        await renew().finally(() => {
          askedAt = undefined
        })
        leaseOutages.ended()
        backoff.reset()
        await nextRenewal()
      } catch (error) {
        trouble = lasting(toTrouble(error), trouble)
        leaseOutages.failed(error)
        await backoff.wait(signal)
      }
    }
    clearInterval(looking)
    adopt([], new Set())
    // Side by side: others continue where one has ended, and leave alone what has not.
    while (ending.size > 0) {
      await renew().catch(() => {})
      if (ending.size > 0) await nextRenewal()
    }
    trust.end()
    await leases.release().catch(() => {})
  })()

  return {
    done,
    health: () =>
      partitionsHealth(
        trouble ?? silence(askedAt),
        new Map([...tasks].map(([partition, { task }]) => [partition, task.trouble])),
      ),
  }
}

/** Whether a renewal finds an older offset than the one that had been committed when it was asked. */
function isBehind(progress: bigint | undefined, committed: bigint | undefined): boolean {
  return committed !== undefined && (progress === undefined || progress < committed)
}
