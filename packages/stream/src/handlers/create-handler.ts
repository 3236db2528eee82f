import type { CommittedEvent } from '@commitcast/events'
import { createBackoff, type Sql, untilItWorks } from '@commitcast/worker'
import pLimit from 'p-limit'
import { toGroup, whole } from '../groups/group.ts'
import { LeaseLost, OffsetMoved } from '../groups/group-offset.ts'
import { isPassing } from '../groups/is-passing.ts'
import { type Parking, park, parkedLimit, TooManyParked, toWaiting, unpark } from '../groups/parked-queue.ts'
import { type GroupTask, type GroupWork, type GroupWorker, reasonOf, runGroup } from '../groups/run-group.ts'
import type { WorkItem } from '../groups/work-item.ts'
import type { Handle, HandlerOptions, Handles } from './handler.ts'

export interface CreateHandlerOptions {
  readonly name: string
  readonly handles: Handles
  readonly options?: HandlerOptions
  /** Runs `act` in one transaction of the database. */
  readonly transaction: (act: (sql: Sql) => Promise<void>) => Promise<void>
}

const defaultBatch = 100

/** A handler, ready to be run. Throws `RangeError` for a name or an option that can't be used. */
export function createHandler({ name, handles, options = {}, transaction }: CreateHandlerOptions): GroupWorker {
  const group = toGroup(name, options, { maxBatch: defaultBatch })
  const { isOrdered = true, concurrency = 8, timeoutMs = 30_000 } = options
  const how = {
    handles: handles as Readonly<Record<string, Handle>>,
    transaction,
    isOrdered,
    concurrency: whole(`${name}: concurrency`, concurrency, 1_000),
    timeoutMs: whole(`${name}: timeoutMs`, timeoutMs, 86_400_000),
  }
  const work: GroupWork = {
    isOrdered,
    carry: (items, task) => carry(items, { ...task, ...how }),
    async again(item, parkedId, task) {
      await tryOnce(item, { ...task, ...how }, 1)
      await task.progress.commit((commit) =>
        transaction(async (sql) => {
          await unpark(sql, task.schema, parkedId)
          await commit(sql)
        }),
      )
    },
  }
  const types = Object.keys(handles).filter((type) => handles[type] !== undefined)
  return { name, types, run: (place) => runGroup({ ...place, group, work, types }) }
}

interface Task extends GroupTask {
  readonly handles: Readonly<Record<string, Handle | undefined>>
  readonly transaction: CreateHandlerOptions['transaction']
  readonly isOrdered: boolean
  readonly concurrency: number
  readonly timeoutMs: number
}

/**
 * Events of one key one after the other, keys side by side. The offset is committed when all are done, or, where it is
 * stopped, up to the first that is not: what has been done is not done again.
 */
async function carry(items: readonly WorkItem[], task: Task): Promise<void> {
  const { blocked, concurrency, signal, isOrdered } = task
  const held = new Set(isOrdered ? blocked : [])
  const outcomes: Outcome[] = items.map((item) => (isOurs(item, task) ? 'not yet' : 'done'))
  const limit = pLimit(concurrency)
  const carryChain = async (chain: readonly number[]) => {
    for (const index of chain) {
      if (signal.aborted) return
      const item = items[index]!
      const outcome = held.has(item.message.key) ? toWaiting(item) : await untilHandled(item, task)
      if (isOrdered && typeof outcome === 'object') held.add(item.message.key)
      outcomes[index] = outcome
    }
  }
  await Promise.all(chainsOf(items, task).map((chain) => limit(carryChain, chain)))
  await commitDone(items, outcomes, task)
}

/** What became of an event: a parking is one that has yet to be written. */
type Outcome = 'done' | 'not yet' | Parking

/** In place, however long it takes: to begin the batch again would be to do it all again. */
async function commitDone(items: readonly WorkItem[], outcomes: readonly Outcome[], task: Task): Promise<void> {
  const { at, group, transaction, blocked, signal, tell, progress } = task
  const commitUpTo = async (index: number) => {
    const end = index === -1 ? items.length : index
    if (end === 0) return
    const parked = outcomes.slice(0, end).filter((outcome) => typeof outcome === 'object')
    const { epoch, message } = items[end - 1]!
    const parkIn = (commit: (sql: Sql) => Promise<void>) =>
      transaction(async (sql) => {
        await park(sql, at, parked, parkedLimit(group))
        await commit(sql)
      })
    await progress.commit(parkIn, { epoch, offset: message.offset })
    for (const { item } of parked) blocked.add(item.message.key)
  }
  if (signal.aborted) return commitUpTo(outcomes.indexOf('not yet'))
  let isFull = false
  await untilItWorks(
    async () => {
      if (isFull) await commitUpTo(outcomes.findIndex((outcome) => outcome !== 'done'))
      await commitUpTo(outcomes.indexOf('not yet'))
    },
    {
      signal,
      onError(error) {
        if (!isPassing(error) || error instanceof LeaseLost || error instanceof OffsetMoved) throw error
        isFull = error instanceof TooManyParked
        tell((error as Error).message)
      },
    },
  )
  tell()
}

/** What has to be handled, by index: a chain for each key, or each event by itself. */
function chainsOf(items: readonly WorkItem[], task: Task): readonly (readonly number[])[] {
  const ours = [...items.keys()].filter((index) => isOurs(items[index]!, task))
  if (!task.isOrdered) return ours.map((index) => [index])
  return [...Map.groupBy(ours, (index) => items[index]!.message.key).values()]
}

/** Every object has a `toString`, and an event may have it as its type. */
function isOurs({ event, unreadable, message }: WorkItem, { handles }: Task): boolean {
  const isEvent = event !== undefined || unreadable !== undefined
  return isEvent && Object.hasOwn(handles, message.type) && handles[message.type] !== undefined
}

/**
 * Tries until it is handled; an outage burns no attempts. Returns a parking where the policy says so. Where it says stop
 * it goes on trying, ever more slowly, while the other keys of the batch go on.
 */
async function untilHandled(item: WorkItem, task: Task): Promise<Outcome> {
  const { group, at, signal, tell, logger } = task
  const backoff = createBackoff()
  // What can't be read now can't be read later.
  const attempts = item.unreadable === undefined ? group.attempts : 1
  for (let attempt = 1; ; ) {
    if (signal.aborted) return 'not yet'
    try {
      await tryOnce(item, task, attempt)
      if (attempt > 1) tell()
      return 'done'
    } catch (error) {
      const isFailure = !isPassing(error)
      if (isFailure && attempt >= attempts && group.onFailure.type === 'park') {
        logger.error({ group: at.group, event: item.message.id, err: error }, 'parked an event')
        return { item, attempts: attempt, reason: reasonOf(error) }
      }
      logger.warn({ group: at.group, event: item.message.id, attempt, err: error }, 'a try failed')
      if (!isFailure || attempt >= attempts) tell(waitsFor(item, error))
      if (isFailure) attempt++
      await backoff.wait(signal)
    }
  }
}

function waitsFor({ message }: WorkItem, error: unknown): string {
  return `Event ${message.id} (${message.type}) at offset ${message.offset} is tried again and again: ${reasonOf(error)}`
}

async function tryOnce({ event, unreadable }: WorkItem, { handles, timeoutMs }: Task, attempt: number): Promise<void> {
  if (unreadable !== undefined) throw unreadable
  const handle = event && handles[event.type]
  if (!handle) return
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timing = new AbortController()
  const timer = setTimeout(() => {
    timing.abort()
    reject(new Error(`It took longer than timeoutMs (${timeoutMs}).`))
  }, timeoutMs)
  try {
    await Promise.race([handle(event as CommittedEvent, { signal: timing.signal, attempt }), late])
  } finally {
    clearTimeout(timer)
  }
}
