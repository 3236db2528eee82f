import { createBackoff } from './backoff.ts'
import type { Health } from './health-server.ts'
import type { Lease, Leases } from './leases.ts'
import type { Logger } from './logger.ts'
import { sleep } from './sleep.ts'

/** A lease, and the database's server under which the work on it began. With another server it begins again. */
interface HeldLease extends Lease {
  readonly server: string
}

export interface PartitionsOptions {
  readonly leases: Leases
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Works on one partition until its signal aborts. When it throws, it is called again after a backed-off wait. */
  readonly work: (lease: HeldLease, signal: AbortSignal, report: PartitionReport) => Promise<void>
}

/** What a partition waits for: a code that is documented, or that of the error, and its words. */
export interface Trouble {
  readonly code: string
  readonly message: string
}

/** What the work on a partition says of itself, and what it can ask. */
export interface PartitionReport {
  /** Says for the health what it waits for, and with nothing that it continues. */
  readonly tell: (trouble?: Trouble) => void
  /**
   * Says which offset it read or committed last, by number. When a renewal finds an older one, the database has lost commits
   * in a crash or a fail-over: the work is stopped and begins again.
   */
  readonly committed: (number: bigint) => void
  /**
   * Aborts when the lease may have run out: no renewal succeeded for as long as it lasts. The work's own signal aborts only
   * when a renewal says that it is lost; so ask again after the next one.
   */
  readonly held: () => AbortSignal
}

export interface Partitions {
  health(): Health
  /** Resolves when the signal has aborted, all work has ended and the leases are handed over. */
  readonly done: Promise<void>
}

interface Task {
  readonly term: bigint
  readonly server: string
  readonly stopping: AbortController
  readonly done: Promise<void>
  trouble: Trouble | undefined
  committed: bigint | undefined
}

/** Keeps one piece of work going for each partition that this worker holds a lease of. Outages are waited out. */
export function runPartitions({ leases, signal, logger, work }: PartitionsOptions): Partitions {
  const tasks = new Map<number, Task>()
  const ending = new Map<number, Promise<void>>()
  const trust = createTrust(leases.ttlMs)
  let trouble: Trouble | undefined = { code: 'STARTING', message: 'starting' }

  const start = (lease: HeldLease): Task => {
    const stopping = new AbortController()
    const told: Pick<Task, 'trouble' | 'committed'> = { trouble: undefined, committed: undefined }
    const report: PartitionReport = {
      tell(trouble) {
        told.trouble = trouble
      },
      committed(number) {
        told.committed = number
      },
      held: trust.held,
    }
    const keepGoing = async () => {
      await ending.get(lease.partition)
      const backoff = createBackoff()
      while (!stopping.signal.aborted) {
        const startedAt = Date.now()
        try {
          told.trouble = undefined
          await work(lease, stopping.signal, report)
          if (!stopping.signal.aborted) throw new Error('The work ended before it was asked to.')
        } catch (error) {
          if (stopping.signal.aborted) return
          told.trouble = toTrouble(error)
          logger.warn({ partition: lease.partition, err: error }, 'this partition waits and tries again')
          if (Date.now() - startedAt > 1_000) backoff.reset()
          await backoff.wait(stopping.signal)
        }
      }
    }
    return Object.assign(told, { term: lease.term, server: lease.server, stopping, done: keepGoing() })
  }

  const renew = async () => {
    const before = new Map([...tasks].map(([partition, { committed }]) => [partition, committed]))
    const askedAt = Date.now()
    const held = await leases.renew()
    trust.renew(askedAt)
    const lost = held.filter(({ partition, progress }) => isBehind(progress, before.get(partition)))
    for (const { partition } of lost) logger.warn({ partition }, 'the database has lost commits; reading it again')
    adopt(held, new Set(lost.map(({ partition }) => partition)))
  }

  /** Ends and starts tasks. A partition's next task waits for the one before it; renewals don't. */
  const adopt = (held: readonly Lease[], stale: ReadonlySet<number>) => {
    const terms = new Map(held.map((lease) => [lease.partition, lease.term]))
    for (const [partition, task] of tasks) {
      const isSame = terms.get(partition) === task.term && task.server === leases.server
      if (isSame && !stale.has(partition)) continue
      task.stopping.abort()
      tasks.delete(partition)
      ending.set(partition, task.done)
    }
    for (const lease of held)
      if (!tasks.has(lease.partition)) tasks.set(lease.partition, start({ ...lease, server: leases.server }))
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
        trouble = toTrouble(error)
        logger.warn({ err: error }, 'can not renew the leases; waiting')
        await backoff.wait(signal)
      }
    }
    adopt([], new Set())
    await Promise.all(ending.values())
    trust.end()
    await leases.release().catch(() => {})
  })()

  return {
    done,
    health() {
      const troubles = [...tasks].flatMap(([partition, { trouble }]) =>
        trouble ? [[partition, trouble] as const] : [],
      )
      return {
        ready: trouble === undefined && troubles.length === 0,
        partitions: [...tasks.keys()],
        ...(trouble !== undefined && { trouble: trouble.message, code: trouble.code }),
        ...(troubles.length > 0 && {
          troubles: Object.fromEntries(troubles.map(([partition, { message }]) => [partition, message])),
          codes: Object.fromEntries(troubles.map(([partition, { code }]) => [partition, code])),
        }),
      }
    },
  }
}

/** Whether a renewal finds an older offset than the one that had been committed when it was asked. */
function isBehind(progress: bigint | undefined, committed: bigint | undefined): boolean {
  return committed !== undefined && (progress === undefined || progress < committed)
}

/** Whether the leases can still be ours, by this process's clock: a renewal counts from when it was asked for. */
function createTrust(ttlMs: number) {
  let doubt = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    held: () => doubt.signal,
    renew(askedAt: number) {
      clearTimeout(timer)
      if (doubt.signal.aborted) doubt = new AbortController()
      timer = setTimeout(() => doubt.abort(), Math.max(0, askedAt + ttlMs - Date.now()))
    },
    end: () => clearTimeout(timer),
  }
}

function toTrouble(error: unknown): Trouble {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) }
  const { code } = error as { code?: unknown }
  return { code: typeof code === 'string' ? code : error.name, message: error.message }
}
