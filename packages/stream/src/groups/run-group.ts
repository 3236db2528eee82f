import type { Message } from '@commitcast/broker'
import { createBackoff, createLeases, type Partitions, runPartitions, sleep } from '@commitcast/worker'
import type { Group, GroupPlace } from './group.ts'
import { awaitCommits, type GroupPartition, readGroupOffset, type StartOffset, startGroup } from './group-offset.ts'
import { isPassing } from './is-passing.ts'
import { noteFailure, readParked, readQueue } from './parked-queue.ts'
import { createProgress, type Progress } from './progress.ts'
import { explainGone, type GroupBatch, readGroup } from './read-group.ts'
import { createTypeGuard, type GuardedMessages } from './type-guard.ts'
import { toItem, type WorkItem } from './work-item.ts'

/** What a worker of a group has in hand for one partition, for as long as it holds the lease. */
export interface GroupTask extends GroupPlace {
  readonly group: Group
  readonly at: GroupPartition
  readonly signal: AbortSignal
  /** Says for the health what is waited for; with nothing, that it goes on. */
  readonly tell: (trouble?: string) => void
  /** Every commit goes through it. */
  readonly progress: Progress
  /** Keys that have parked events: later ones queue behind. */
  readonly blocked: Set<string>
  /** The messages before the first one that only a newer release of the group handles. */
  readonly guarded: (messages: readonly Message[]) => Promise<GuardedMessages>
}

/** What kinds of groups do differently. */
export interface GroupWork {
  /** Whether later events of a key wait behind a parked one. */
  readonly isOrdered: boolean
  /**
   * Does all items, in order per key, and commits the offset of the last, or what comes before where it is stopped.
   * Parks what the policy says. Throws what makes the partition wait and begin again at the offset that is committed.
   */
  carry(items: readonly WorkItem[], task: GroupTask): Promise<void>
  /** Tries a parked event once more and commits that together with its removal. Throws why it failed again. */
  again(item: WorkItem, parkedId: string, task: GroupTask): Promise<void>
}

/** Where and how long a group's worker runs. */
export interface RunGroupPlace extends GroupPlace {
  readonly signal: AbortSignal
  /** How long a dead worker's partitions stay with it. Default 3,500. */
  readonly leaseTtlMs?: number
  /** All event types of the catalogue: what a group handles that names none. */
  readonly catalogTypes?: readonly string[]
  /** The application's own number of this release; a larger one is newer. Default: see `registerReleases`. */
  readonly release?: number | undefined
}

/** A consumer group that can be run. */
export interface GroupWorker {
  readonly name: string
  /** The event types that it handles. Default: all of the catalogue. */
  readonly types?: readonly string[]
  /** Works on its share of the partitions until the signal aborts. */
  run(place: RunGroupPlace): Partitions
}

export interface RunGroupOptions extends RunGroupPlace {
  readonly group: Group
  readonly work: GroupWork
  /** The event types that it handles; without them it passes over what it does not know, whoever else handles it. */
  readonly types?: readonly string[] | undefined
}

const lookAtParkedMs = 1_000

/**
 * A consumer group's worker: shares the partitions by leases with the group's other workers, reads each from the group's
 * own offset, and has the work done. Parked events that somebody asked for, and those that wait behind nothing any more,
 * are tried again within a second or two.
 */
export function runGroup({ work, group, leaseTtlMs, types, ...place }: RunGroupOptions): Partitions {
  const { sql, schema, signal, logger, release } = place
  const ttl = leaseTtlMs === undefined ? {} : { ttlMs: leaseTtlMs }
  const guard = types && createTypeGuard({ sql, schema, group: group.name, types, release, logger })
  const leases = createLeases({ sql, schema, group: group.name, ...ttl, ...(guard && { release: guard.register }) })
  const guarded: GroupTask['guarded'] = async (messages) =>
    guard ? guard.check(messages, leases) : { ready: messages }
  return runPartitions({
    leases,
    signal,
    logger,
    async work({ partition, term }, signal, { tell, committed }) {
      const at: GroupPartition = { schema, group: group.name, partition, term }
      await startGroup(sql, { schema, group: group.name, from: group.from })
      await awaitCommits(sql, at)
      const start = await readGroupOffset(sql, at)
      const blocked = new Set((await readQueue(sql, at)).map(({ key }) => key))
      const progress = createProgress({ at, start, onCommitted: committed })
      try {
        await followPartition({ ...place, group, at, signal, tell, blocked, progress, start, guarded }, work)
      } catch (error) {
        throw explainGone(error, at)
      }
    },
  })
}

/** One at a time, a batch or a look at what is parked: both may be about the same key. */
async function followPartition(task: GroupTask & { readonly start: StartOffset }, work: GroupWork): Promise<void> {
  const { signal, blocked } = task
  const ending = new AbortController()
  const batches = readGroup({ ...task, signal: AbortSignal.any([signal, ending.signal]) })
  let next: Promise<IteratorResult<GroupBatch, void>> | undefined
  let pause: Promise<void> | undefined
  try {
    while (!signal.aborted) {
      next ??= batches.next()
      if (blocked.size > 0) pause ??= sleep(lookAtParkedMs, signal).then(() => (pause = undefined))
      const got = await (pause ? Promise.race([next, pause]) : next)
      if (got) {
        next = undefined
        if (got.done) return
        await carryGuarded(got.value, task, work)
      } else await tryParked(task, work)
    }
  } finally {
    ending.abort()
    next?.catch(() => {})
    await batches.return()
  }
}

async function carryGuarded({ epoch, messages }: GroupBatch, task: GroupTask, work: GroupWork): Promise<void> {
  const { ready, unknown } = await task.guarded(messages)
  if (ready.length > 0) await work.carry(toItems({ epoch, messages: ready }, task), task)
  if (unknown) throw unknown
}

function toItems({ epoch, messages }: GroupBatch, { at: { partition }, understand }: GroupTask): WorkItem[] {
  return messages.map((message) => toItem(message, { epoch, partition, understand }))
}

/** Goes through the heads of the queues until none is left that may be tried. */
async function tryParked(task: GroupTask, work: GroupWork): Promise<void> {
  const { sql, schema, at, signal, blocked, logger } = task
  while (!signal.aborted) {
    const queue = await readQueue(sql, at)
    blocked.clear()
    for (const { key } of queue) blocked.add(key)
    const heads = work.isOrdered ? queue.filter(isFirstOfKey()) : queue
    const due = heads.filter(({ retry, attempts }) => retry || attempts === 0)
    if (due.length === 0) return
    for (const { id } of due) {
      if (signal.aborted) return
      const parked = await readParked(sql, schema, id)
      if (!parked) continue
      const { unknown } = await task.guarded([parked.message])
      if (unknown) throw unknown
      const item = toItem(parked.message, { ...task, epoch: parked.epoch, partition: at.partition })
      try {
        await work.again(item, id, task)
      } catch (error) {
        if (signal.aborted || isPassing(error)) throw error
        logger.warn({ group: at.group, event: parked.message.id, err: error }, 'a parked event failed again')
        await noteFailure(sql, schema, id, reasonOf(error))
      }
    }
  }
}

function isFirstOfKey() {
  const seen = new Set<string>()
  return ({ key }: { readonly key: string }) => !seen.has(key) && Boolean(seen.add(key))
}

/** Runs `act` up to `attempts` times, with backed-off waits between. What passes by itself is thrown at once. */
export async function attempted(
  act: () => Promise<void>,
  { attempts, signal }: { attempts: number; signal: AbortSignal },
): Promise<void> {
  const backoff = createBackoff()
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (attempt >= attempts || signal.aborted || isPassing(error)) throw error
      await backoff.wait(signal)
    }
  }
}

const maxReason = 2_000

/** An error's own words, as they are kept with a parked event. Postgres can't keep a NUL. */
export function reasonOf(error: unknown): string {
  const words = error instanceof Error ? error.message || error.name : String(error)
  return words.replaceAll('\0', '').slice(0, maxReason)
}
