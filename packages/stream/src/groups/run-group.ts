import type { Message } from '@commitcast/broker'
import { readSkipped } from '@commitcast/outbox'
import {
  createLeases,
  type PartitionReport,
  type Partitions,
  type Renewals,
  runPartitions,
  sleep,
  unservedPartitions,
} from '@commitcast/worker'
import { type Group, type GroupPlace, parkingOf } from './group.ts'
import { awaitCommits, type GroupPartition, readGroupOffset, type StartOffset, startGroup } from './group-offset.ts'
import { noteFailure, type ParkedPlace, readParked, readQueue, retryOthers } from './parked-queue.ts'
import { createProgress, type Progress } from './progress.ts'
import { explainGone, type GroupBatch, readGroup } from './read-group.ts'
import { reasonOf } from './reason-of.ts'
import { createTypeGuard, type GuardedMessages } from './type-guard.ts'
import { toItems, type WorkItem } from './work-item.ts'

/** What a worker of a group has in hand for one partition, for as long as it holds the lease. */
export interface GroupTask extends GroupPlace, Pick<PartitionReport, 'waits' | 'busy' | 'progressed' | 'held'> {
  readonly group: Group
  readonly at: GroupPartition
  /** Aborts when the worker stops or its lease is lost. */
  readonly signal: AbortSignal
  /** Every commit goes through it. */
  readonly progress: Progress
  /** Keys that have parked events: later ones queue behind. */
  readonly blocked: Set<string>
  /** The ids of events to be skipped, as they were when the task began. */
  readonly skipped: ReadonlySet<string>
  /** The messages before the first one that only a newer release of the group handles. */
  readonly guarded: (messages: readonly Message[]) => Promise<GuardedMessages>
  /** Called with how many events are parked in the partition. */
  readonly onParked: (count: number) => void
  /** Tries the parked events that are due. For work that can't continue before some of them are done. */
  readonly retryParked: () => Promise<void>
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
  /**
   * Tries a parked event once more and commits that together with its removal. Returns why it failed again; throws what makes
   * the partition wait and begin again.
   */
  again(item: WorkItem, parkedId: string, task: GroupTask): Promise<Failure | undefined>
}

/** Why an event failed. */
export interface Failure {
  readonly error: unknown
}

/** Where and how long a group's worker runs. */
export interface RunGroupContext extends GroupPlace {
  readonly signal: AbortSignal
  /** How long a dead worker's partitions stay with it. Default 3,500. */
  readonly leaseTtlMs?: number
  /** The process's own, which its groups share. Default: renews alone. */
  readonly renewals?: Renewals
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
  run(context: RunGroupContext): Partitions
}

export interface RunGroupOptions extends RunGroupContext {
  readonly group: Group
  readonly work: GroupWork
  /** The event types that it handles; without them it passes over what it does not know, also where another release handles it. */
  readonly types?: readonly string[] | undefined
}

const lookAtParkedMs = 1_000
const retriesAtOnce = 8

/**
 * A consumer group's worker: shares the partitions by leases with the group's other workers, reads each from the group's
 * own offset, and has the work done. Parked events are tried again before new work: those whose pause is over, those that
 * an operator asked for, and those that wait behind nothing any more.
 */
export function runGroup({ work, group, leaseTtlMs, renewals, types, ...context }: RunGroupOptions): Partitions {
  const { sql, schema, signal, logger, release } = context
  const shared = { ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }), ...(renewals && { renewals }) }
  const guard = types && createTypeGuard({ sql, schema, group: group.name, types, release, logger })
  const leases = createLeases({ sql, schema, group: group.name, ...shared, ...(guard && { release: guard.register }) })
  const guarded: GroupTask['guarded'] = async (messages) =>
    guard ? guard.check(messages, leases) : { ready: messages }
  const parked = new Map<number, number>()
  const partitions = runPartitions({
    leases,
    signal,
    logger,
    about: { group: group.name },
    unserved: () => unservedPartitions(sql, { schema, group: group.name }),
    async work({ partition, term, server }, signal, { committed, ...report }) {
      const at: GroupPartition = { schema, group: group.name, partition, term, server }
      await startGroup(sql, { schema, group: group.name, from: group.from })
      await awaitCommits(sql, at)
      const start = await readGroupOffset(sql, at)
      const progress = createProgress({ at, start, onCommitted: committed, onProgress: report.progressed })
      const task: GroupTask = {
        ...context,
        ...report,
        ...{ group, at, signal, progress, guarded, blocked: new Set<string>() },
        skipped: await readSkipped(sql, schema),
        onParked: (count) => parked.set(partition, count),
        retryParked: () => retryParked(task, work),
      }
      try {
        await followPartition({ ...task, start }, work)
      } catch (error) {
        throw explainGone(error, at)
      } finally {
        parked.delete(partition)
      }
    },
  })
  const countParked = () => [...parked.values()].reduce((sum, count) => sum + count, 0)
  return { ...partitions, health: () => ({ ...partitions.health(), parked: countParked() }) }
}

/** One at a time, a batch or a look at what is parked: both may be about the same key. */
async function followPartition(task: GroupTask & { readonly start: StartOffset }, work: GroupWork): Promise<void> {
  const { signal, blocked } = task
  const ending = new AbortController()
  const batches = readGroup({ ...task, signal: AbortSignal.any([signal, ending.signal]) })
  let next: Promise<IteratorResult<GroupBatch, void>> | undefined
  let pause: Promise<void> | undefined
  let isTimeToRetry = true
  const endPause = () => {
    pause = undefined
    isTimeToRetry = true
  }
  try {
    while (!signal.aborted) {
      if (isTimeToRetry) await task.retryParked()
      isTimeToRetry = false
      if (blocked.size > 0) pause ??= sleep(lookAtParkedMs, signal).then(endPause)
      next ??= batches.next()
      const got = await (pause ? Promise.race([next, pause]) : next)
      if (!got) continue
      next = undefined
      if (got.done) return
      await carryGuarded(got.value, task, work)
    }
  } finally {
    ending.abort()
    next?.catch(() => {})
    await batches.return()
  }
}

async function carryGuarded({ epoch, messages }: GroupBatch, task: GroupTask, work: GroupWork): Promise<void> {
  task.busy(`the database, at offsets ${messages[0]?.offset} to ${messages.at(-1)?.offset}`)
  const { ready, unknown } = await task.guarded(messages)
  const { partition } = task.at
  const placed = ready.map((message) => ({ epoch, partition, message }))
  if (ready.length > 0) await work.carry(await toItems(placed, task), task)
  if (unknown) throw unknown
}

/**
 * Tries the heads of the queues that are due, some at once, and continues while any succeeds. Afterwards comes new work,
 * however many fail.
 */
async function retryParked(task: GroupTask, work: GroupWork): Promise<void> {
  const { sql, at, signal, blocked } = task
  while (!signal.aborted) {
    const queue = await readQueue(sql, at)
    task.onParked(queue.length)
    blocked.clear()
    for (const { key } of queue) blocked.add(key)
    const heads = work.isOrdered ? queue.filter(isFirstOfKey()) : queue
    const due = heads.filter(({ isDue }) => isDue).slice(0, retriesAtOnce)
    const tries = await Promise.allSettled(due.map((entry) => retryOne(entry, task, work)))
    task.busy()
    for (const one of tries) if (one.status === 'rejected') throw one.reason
    if (!tries.some((one) => one.status === 'fulfilled' && one.value)) return
  }
}

/** Says whether it is parked no more. */
async function retryOne({ id }: ParkedPlace, task: GroupTask, work: GroupWork): Promise<boolean> {
  const { sql, schema, at, group, logger } = task
  const parked = await readParked(sql, schema, id)
  if (!parked) return true
  const { unknown } = await task.guarded([parked.message])
  if (unknown) throw unknown
  const [item] = await toItems([{ ...parked, partition: at.partition }], task)
  const failure = await work.again(item!, id, task)
  if (failure) {
    logger.debug({ group: at.group, event: parked.message.id, err: failure.error }, 'a parked event failed again')
    const reason = reasonOf(failure.error, parked.message)
    await noteFailure(sql, { schema, id, reason, retryForMs: parkingOf(group).retryForMs })
  } else if (parked.attempts > 0) await retryOthers(sql, at)
  return failure === undefined
}

function isFirstOfKey() {
  const seen = new Set<string>()
  return ({ key }: { readonly key: string }) => !seen.has(key) && Boolean(seen.add(key))
}
