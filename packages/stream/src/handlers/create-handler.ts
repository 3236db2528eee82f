import { type CommittedEvent, NewerVersion } from '@commitcast/events'
import {
  checkWholeNumber,
  errorText,
  isOutage,
  isTimeLimit,
  type Sql,
  sleep,
  untilItWorks,
  withTimeout,
} from '@commitcast/worker'
import pLimit from 'p-limit'
import { parkingOf, toGroup } from '../groups/group.ts'
import { LeaseLost, OffsetMoved } from '../groups/group-offset.ts'
import { park, TooManyParked, toWaiting, unpark } from '../groups/parked-queue.ts'
import { type Failure, type GroupTask, type GroupWork, type GroupWorker, runGroup } from '../groups/run-group.ts'
import { type Outcome, othersCommitted, tryEvent } from '../groups/try-event.ts'
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
/** For how long nothing but an outage is met before the batch is left, and read again with newer events. */
const giveUpMs = 2_000

/** A handler, ready to be run. Throws `RangeError` for a name or an option that can't be used. */
export function createHandler({ name, handles, options = {}, transaction }: CreateHandlerOptions): GroupWorker {
  const group = toGroup(name, options, { maxBatch: defaultBatch })
  const { isOrdered = true, concurrency = 8, timeoutMs = 30_000 } = options
  const how = {
    handles: handles as Readonly<Record<string, Handle>>,
    transaction,
    isOrdered,
    concurrency: checkWholeNumber(`${name}: concurrency`, concurrency, { most: 1_000 }),
    timeoutMs: checkWholeNumber(`${name}: timeoutMs`, timeoutMs, { most: 86_400_000 }),
  }
  const work: GroupWork = {
    isOrdered,
    carry: (items, task) => carry(items, { ...task, ...how }),
    again: (item, parkedId, task) => again(item, parkedId, { ...task, ...how }),
  }
  const types = Object.keys(handles).filter((type) => handles[type] !== undefined)
  return { name, types, run: (context) => runGroup({ ...context, group, work, types }) }
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
  let doneAt = Number.NEGATIVE_INFINITY
  let running = 0
  const stuck = new Map<number, unknown>()
  const givingUp = new AbortController()
  const tryTask = { ...task, signal: AbortSignal.any([signal, givingUp.signal]) }
  const othersWork = async (index: number, ms: number, error: unknown) => {
    if (!isOutage(error) && !isTimeLimit(error)) return false
    if (doneAt > performance.now() - ms || (await othersCommitted(task, ms))) return true
    stuck.set(index, error)
    // With newer events beside it, it may turn out that those work.
    if (stuck.size === running && ms >= giveUpMs) givingUp.abort()
    return false
  }
  const carryItem = async (index: number): Promise<Outcome> => {
    const item = items[index]!
    if (held.has(item.message.key)) return toWaiting(item)
    const outcome = await tryEvent(item, tryTask, {
      act: (attempt) => tryOnce(item, tryTask, attempt),
      othersWork: (ms, error) => othersWork(index, ms, error),
    })
    stuck.delete(index)
    if (outcome === 'done') doneAt = performance.now()
    if (isOrdered && typeof outcome === 'object') held.add(item.message.key)
    return outcome
  }
  const carryChain = async (chain: readonly number[]) => {
    running++
    for (const index of chain) {
      if (tryTask.signal.aborted) break
      outcomes[index] = await carryItem(index)
    }
    running--
  }
  await Promise.all(chainsOf(items, task).map((chain) => limit(carryChain, chain)))
  await commitDone(items, outcomes, task)
}

/**
 * In place, however long it takes: to begin the batch again would be to do it all again. While the queue is full, parked
 * events are tried again here, because new ones wait for room.
 */
async function commitDone(items: readonly WorkItem[], outcomes: readonly Outcome[], task: Task): Promise<void> {
  const { at, group, transaction, blocked, signal, waits, progress, retryParked } = task
  task.busy('the commit of its offset')
  const commitUpTo = async (index: number) => {
    const end = index === -1 ? items.length : index
    if (end === 0) return
    const parked = outcomes.slice(0, end).filter((outcome) => typeof outcome === 'object')
    const { epoch, message } = items[end - 1]!
    const parkIn = (commit: (sql: Sql) => Promise<void>) =>
      transaction(async (sql) => {
        await park(sql, at, parked, parkingOf(group))
        await commit(sql)
      })
    await progress.commit(parkIn, { epoch, offset: message.offset })
    for (const { item } of parked) blocked.add(item.message.key)
  }
  if (signal.aborted) return commitUpTo(outcomes.indexOf('not yet'))
  let isFull = false
  await untilItWorks(
    async () => {
      if (isFull) {
        await commitUpTo(outcomes.findIndex((outcome) => outcome !== 'done'))
        await retryParked()
      }
      await commitUpTo(outcomes.indexOf('not yet'))
    },
    {
      signal,
      onError(error) {
        if (error instanceof LeaseLost || error instanceof OffsetMoved) throw error
        isFull = error instanceof TooManyParked
        waits({ code: isFull ? 'TOO_MANY_PARKED' : 'GROUP_COMMIT_FAILS', message: errorText(error) }, error)
      },
    },
  )
  if (signal.aborted) return
  const left = outcomes.indexOf('not yet')
  if (left === -1) waits()
  else throw new Error(`Event ${items[left]!.message.id} waits for an outage to end.`)
}

async function again(item: WorkItem, parkedId: string, task: Task): Promise<Failure | undefined> {
  const { signal, schema, progress, transaction } = task
  try {
    await tryOnce(item, task, 1)
  } catch (error) {
    if (signal.aborted || error instanceof NewerVersion) throw error
    return { error }
  }
  const remove = (commit: (sql: Sql) => Promise<void>) =>
    transaction(async (sql) => {
      await unpark(sql, schema, parkedId)
      await commit(sql)
    })
  await untilItWorks(() => progress.commit(remove), {
    signal,
    onError(error) {
      if (error instanceof LeaseLost || error instanceof OffsetMoved) throw error
      task.waits({ code: 'GROUP_COMMIT_FAILS', message: errorText(error) }, error)
    },
  })
  return undefined
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

/** While the lease may have run out, nothing is begun, and the signal of what has begun aborts. */
async function tryOnce({ event, unreadable, message }: WorkItem, task: Task, attempt: number): Promise<void> {
  if (unreadable !== undefined) throw unreadable
  const { handles, timeoutMs, signal } = task
  const handle = event && handles[event.type]
  if (!handle) return
  await untilHeld(task)
  if (signal.aborted) throw signal.reason
  task.busy(`the handler of ${event.type}, event ${event.id} at offset ${message.offset}`, timeoutMs + 30_000)
  const run = (late: AbortSignal) =>
    Promise.resolve(handle(event as CommittedEvent, { signal: AbortSignal.any([signal, task.held(), late]), attempt }))
  await withTimeout(run, {
    ms: timeoutMs,
    what: 'The handler',
    advice: 'Raise timeoutMs, or let it do less.',
  })
}

const lookAtLeaseMs = 100

async function untilHeld({ signal, held, waits }: Task): Promise<void> {
  if (!held().aborted) return
  waits({ code: 'LEASE_IN_DOUBT', message: 'The lease could not be renewed in time: nothing is begun until it is.' })
  while (held().aborted && !signal.aborted) await sleep(lookAtLeaseMs, signal)
  waits()
}
