import { createBackoff } from './backoff.ts'
import type { Health } from './health-server.ts'
import type { Lease, Leases } from './leases.ts'
import type { Logger } from './logger.ts'
import { sleep } from './sleep.ts'

export interface PartitionsOptions {
  readonly leases: Leases
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Works on one partition until its signal aborts. When it throws, it is called again after a backed-off wait. */
  readonly work: (lease: Lease, signal: AbortSignal, report: PartitionReport) => Promise<void>
}

/** What the work on a partition says of itself. */
export interface PartitionReport {
  /** Says for the health what it waits for, and with nothing that it continues. */
  readonly tell: (trouble?: string) => void
  /**
   * Says which offset it read or committed last, by number. When a renewal finds an older one, the database has lost commits
   * in a crash or a fail-over: the work is stopped and begins again.
   */
  readonly committed: (number: bigint) => void
}

export interface Partitions {
  health(): Health
  /** Resolves when the signal has aborted, all work has ended and the leases are handed over. */
  readonly done: Promise<void>
}

interface Task {
  readonly term: bigint
  readonly stopping: AbortController
  readonly done: Promise<void>
  trouble: string | undefined
  committed: bigint | undefined
}

/** Keeps one piece of work going for each partition that this worker holds a lease of. Outages are waited out. */
export function runPartitions({ leases, signal, logger, work }: PartitionsOptions): Partitions {
  const tasks = new Map<number, Task>()
  let trouble: string | undefined = 'starting'

  const start = (lease: Lease): Task => {
    const stopping = new AbortController()
    const told: Pick<Task, 'trouble' | 'committed'> = { trouble: undefined, committed: undefined }
    const keepGoing = async () => {
      const backoff = createBackoff()
      while (!stopping.signal.aborted) {
        const startedAt = Date.now()
        try {
          told.trouble = undefined
          await work(lease, stopping.signal, {
            tell(trouble) {
              told.trouble = trouble
            },
            committed(number) {
              told.committed = number
            },
          })
          if (!stopping.signal.aborted) throw new Error('The work ended before it was asked to.')
        } catch (error) {
          if (stopping.signal.aborted) return
          told.trouble = error instanceof Error ? error.message : String(error)
          logger.warn({ partition: lease.partition, err: error }, 'this partition waits and tries again')
          if (Date.now() - startedAt > 1_000) backoff.reset()
          await backoff.wait(stopping.signal)
        }
      }
    }
    return Object.assign(told, { term: lease.term, stopping, done: keepGoing() })
  }

  const renew = async () => {
    const before = new Map([...tasks].map(([partition, { committed }]) => [partition, committed]))
    const held = await leases.renew()
    const lost = held.filter(({ partition, progress }) => isBehind(progress, before.get(partition)))
    for (const { partition } of lost) logger.warn({ partition }, 'the database has lost commits; reading it again')
    await adopt(held, new Set(lost.map(({ partition }) => partition)))
  }

  const adopt = async (held: readonly Lease[], stale: ReadonlySet<number>) => {
    const terms = new Map(held.map((lease) => [lease.partition, lease.term]))
    for (const [partition, task] of tasks) {
      if (terms.get(partition) === task.term && !stale.has(partition)) continue
      task.stopping.abort()
      tasks.delete(partition)
      await task.done
    }
    for (const lease of held) if (!tasks.has(lease.partition)) tasks.set(lease.partition, start(lease))
  }

  const done = (async () => {
    const backoff = createBackoff()
    while (!signal.aborted) {
      try {
        await renew()
        trouble = undefined
        backoff.reset()
        await sleep(leases.renewMs, signal)
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error)
        logger.warn({ err: error }, 'can not renew the leases; waiting')
        await backoff.wait(signal)
      }
    }
    await adopt([], new Set())
    await leases.release().catch(() => {})
  })()

  return {
    done,
    health() {
      const troubles = [...tasks].flatMap(([partition, task]) => (task.trouble ? [[partition, task.trouble]] : []))
      return {
        ready: trouble === undefined && troubles.length === 0,
        partitions: [...tasks.keys()],
        ...(trouble !== undefined && { trouble }),
        ...(troubles.length > 0 && { troubles: Object.fromEntries(troubles) }),
      }
    },
  }
}

/** Whether a renewal finds an older offset than the one that had been committed when it was asked. */
function isBehind(progress: bigint | undefined, committed: bigint | undefined): boolean {
  return committed !== undefined && (progress === undefined || progress < committed)
}
