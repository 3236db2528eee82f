import { createBackoff } from './backoff.ts'
import type { Health } from './health.ts'
import type { Lease, Leases } from './leases.ts'
import type { Logger } from './logger.ts'
import { createOutageLog } from './outage-log.ts'
import type { PartitionWork } from './partition-run.ts'
import { createPartitionRuns, type PartitionRuns } from './partition-runs.ts'
import { partitionsHealth } from './partitions-health.ts'
import { type LastingTrouble, lasting, silence, toTrouble, toUnserved } from './trouble.ts'
import { createTrust, type Trust } from './trust.ts'

export interface PartitionsOptions {
  readonly leases: Leases
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Fields of every line in the log. */
  readonly about?: object
  /** Returns the partitions that no worker of the group holds. Called while this one holds none: the others may hold them all. */
  readonly unserved?: () => Promise<readonly number[]>
  /** Works on one partition until its signal aborts. When it throws, it is called again after a backed-off wait. */
  readonly work: PartitionWork
}

export interface Partitions {
  health(): Health
  /** Resolves when the signal has aborted, all work has ended and the leases are handed over. */
  readonly done: Promise<void>
}

const lookMs = 1_000

/** Keeps one piece of work going for each partition that this worker holds a lease of. Outages are waited out. */
export function runPartitions(options: PartitionsOptions): Partitions {
  const { leases, logger, work } = options
  const about = options.about && { about: options.about }
  const trust = createTrust(leases.ttlMs)
  const outages = createOutageLog({
    ...{ logger, ...about, code: 'PARTITION_WAITS' },
    began: 'partition waits',
    ended: 'partition continues',
  })
  const runs = createPartitionRuns({ work, outages, held: trust.held })
  const renewal = createRenewal(options, { runs, trust })
  const looking = setInterval(() => {
    for (const { task } of runs.running.values()) task.look()
  }, lookMs).unref()
  return {
    done: keepLeases(options, { runs, renewal, trust, onStop: () => clearInterval(looking) }),
    health: () =>
      partitionsHealth(
        renewal.trouble(),
        new Map([...runs.running].map(([partition, { task }]) => [partition, task.trouble])),
      ),
  }
}

/** Renews the leases, and starts and ends work accordingly. */
interface Renewal {
  renew(): Promise<void>
  failed(error: unknown): void
  trouble(): LastingTrouble | undefined
}

function createRenewal(
  { leases, signal, logger, unserved }: PartitionsOptions,
  { runs, trust }: { readonly runs: PartitionRuns; readonly trust: Trust },
): Renewal {
  let trouble: LastingTrouble | undefined = lasting({ code: 'STARTING', message: 'starting' }, undefined)
  let askedAt: number | undefined

  const renew = async () => {
    const before = new Map([...runs.running].map(([partition, { task }]) => [partition, task.committed]))
    const at = Date.now()
    askedAt = at
    const held = await leases.renew({ busy: runs.busy(), isLeaving: signal.aborted })
    trust.renew(at)
    const lost = held.filter(({ partition, progress }) => isBehind(progress, before.get(partition)))
    for (const { partition, progress } of lost) {
      // Where none is left, the group itself was removed, as a rebuild's is at its end.
      if (progress === undefined) continue
      logger.warn({ code: 'COMMITS_LOST', partition }, 'the database has lost commits; reading them again')
    }
    runs.adopt(stillHeld(held, signal), leases.server, new Set(lost.map(({ partition }) => partition)))
    const free = held.length === 0 ? ((await unserved?.()) ?? []) : []
    trouble = free.length === 0 ? undefined : lasting(toUnserved(free), trouble)
  }

  return {
    renew: () =>
      renew().finally(() => {
        askedAt = undefined
      }),
    failed(error) {
      trouble = lasting(toTrouble(error), trouble)
    },
    trouble: () => trouble ?? silence(askedAt),
  }
}

interface KeepLeases {
  readonly runs: PartitionRuns
  readonly renewal: Renewal
  readonly trust: Trust
  readonly onStop: () => void
}

async function keepLeases({ leases, signal, logger, about }: PartitionsOptions, parts: KeepLeases): Promise<void> {
  const { runs, renewal, trust, onStop } = parts
  const outages = createOutageLog({
    ...{ logger, ...(about && { about }), code: 'LEASES_NOT_RENEWED' },
    began: 'could not renew the leases; retrying',
    ended: 'the leases are renewed again',
  })
  /** Resolves when it is time to renew: what has ended is handed over at once. */
  const nextRenewal = () =>
    runs.untilEnd((ended) => leases.nextRenewal(signal.aborted ? ended : AbortSignal.any([signal, ended])))
  const backoff = createBackoff()
  while (!signal.aborted) {
    try {
      await renewal.renew()
      outages.ended()
      backoff.reset()
      await nextRenewal()
    } catch (error) {
      renewal.failed(error)
      outages.failed(error)
      await backoff.wait(signal)
    }
  }
  onStop()
  runs.adopt([], leases.server)
  // Side by side: others continue where one has ended, and leave alone what has not.
  while (runs.isEnding()) {
    await renewal.renew().catch(() => {})
    if (runs.isEnding()) await nextRenewal()
  }
  trust.end()
  await leases.release().catch(() => {})
}

/** The leases whose work may continue: none where this worker leaves, and none over its fair share. */
function stillHeld(held: readonly Lease[], signal: AbortSignal): readonly Lease[] {
  return signal.aborted ? [] : held.filter(({ isOver }) => !isOver)
}

/** Whether a renewal finds an older offset than the one that had been committed when it was asked. */
function isBehind(progress: bigint | undefined, committed: bigint | undefined): boolean {
  return committed !== undefined && (progress === undefined || progress < committed)
}
