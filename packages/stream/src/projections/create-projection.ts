import type { CommittedEvent } from '@commitcast/events'
import type { Partitions, Sql } from '@commitcast/worker'
import { carryInHalves } from '../groups/carry-in-halves.ts'
import { parkingOf, toGroup } from '../groups/group.ts'
import { isPassing } from '../groups/is-passing.ts'
import { type Parking, park, toWaiting, unpark } from '../groups/parked-queue.ts'
import {
  type Failure,
  type GroupTask,
  type GroupWork,
  type GroupWorker,
  type RunGroupContext,
  runGroup,
} from '../groups/run-group.ts'
import { othersCommitted, tryAgain, tryEvent } from '../groups/try-event.ts'
import { endOf, type WorkItem } from '../groups/work-item.ts'
import type { Project, ProjectionOptions } from './projection.ts'
import { createGate } from './rebuild/gate.ts'
import type { InTransaction } from './rebuild/in-shadow.ts'
import { runRebuild } from './rebuild/run-rebuild.ts'

export interface CreateProjectionOptions<TTransaction> {
  readonly name: string
  readonly project: Project<CommittedEvent, TTransaction>
  readonly options?: ProjectionOptions
  readonly transaction: InTransaction<TTransaction>
}

const defaultBatch = 500
const mostProbed = 20

/** A projection, ready to be run. Throws `RangeError` for a name or an option that can't be used. */
export function createProjection<TTransaction>(given: CreateProjectionOptions<TTransaction>): GroupWorker {
  const { name, project, options = {}, transaction } = given
  const group = toGroup(name, options, { maxBatch: defaultBatch })
  const { tables } = options
  if (tables?.length === 0)
    throw new RangeError(`${name}: "tables" is empty; name the tables that it writes to, or leave it out.`)
  const workIn = (transaction: InTransaction<TTransaction>): GroupWork => ({
    isOrdered: true,
    carry: (items, task) => carry(items, { ...task, project, transaction, batch: items }),
    again: (item, parkedId, task) => again(item, parkedId, { ...task, project, transaction }),
  })
  const run = (context: RunGroupContext) => {
    const types = context.catalogTypes
    if (!tables) return runGroup({ ...context, group, types, work: workIn(transaction) })
    const gate = createGate()
    const live = runGroup({ ...context, group, types, work: workIn((act) => gate.pass(() => transaction(act))) })
    return beside(live, runRebuild({ group, tables, context, transaction, workIn, gate }))
  }
  return { name, run }
}

/** A rebuild that fails affects nothing else: the group is as healthy as the live one. */
function beside(live: Partitions, rebuild: Partitions): Partitions {
  return {
    done: Promise.all([live.done, rebuild.done]).then(() => {}),
    health: () => ({ ...live.health(), rebuild: rebuild.health() }),
  }
}

type Task<TTransaction> = GroupTask & Pick<CreateProjectionOptions<TTransaction>, 'project' | 'transaction'>
type CarryTask<TTransaction> = Task<TTransaction> & { readonly batch: readonly WorkItem[] }

function carry<TTransaction>(items: readonly WorkItem[], task: CarryTask<TTransaction>): Promise<void> {
  return carryInHalves(items, {
    signal: task.signal,
    together: (half) => carryTogether(half, task),
    alone: (item) => carryOne(item, task),
  })
}

async function carryTogether<TTransaction>(items: readonly WorkItem[], task: Task<TTransaction>): Promise<void> {
  const { at, group, project, transaction, blocked, progress, busy } = task
  busy(projectOf(items))
  const free = blocked.size === 0 ? items : items.filter((item) => !isBlocked(item, task))
  const waiting = items.filter((item) => isBlocked(item, task)).map(toWaiting)
  const carryIn = (commit: (sql: Sql) => Promise<void>) =>
    transaction(async (trx, sql) => {
      await projectAll(free, { project, trx })
      await park(sql, at, waiting, parkingOf(group))
      await commit(sql)
    })
  await progress.commit(carryIn, endOf(items))
}

/** What passes begins the partition again, so that the whole batch is read and tried anew. */
async function carryOne<TTransaction>(item: WorkItem, task: CarryTask<TTransaction>): Promise<void> {
  const outcome = await tryEvent(item, task, {
    act: () => carryTogether([item], task),
    passes: isPassing,
    othersWork: (ms, error) => othersWork(item, task, { ms, error }),
  })
  if (typeof outcome === 'object') await setAside(outcome, task)
}

async function setAside<TTransaction>(parking: Parking, task: Task<TTransaction>): Promise<void> {
  const { at, group, transaction, progress, blocked, waits } = task
  const parkIn = (commit: (sql: Sql) => Promise<void>) =>
    transaction(async (_, sql) => {
      await park(sql, at, [parking], parkingOf(group))
      await commit(sql)
    })
  await progress.commit(parkIn, endOf([parking.item]))
  blocked.add(parking.item.message.key)
  waits()
}

/**
 * Whether other partitions commit meanwhile, or later events of other keys work here, in a transaction that is rolled back.
 * Where none is read yet, throws: the next batch may have some.
 */
async function othersWork<TTransaction>(
  { message }: WorkItem,
  task: CarryTask<TTransaction>,
  { ms, error }: { readonly ms: number; readonly error: unknown },
): Promise<boolean> {
  if (await othersCommitted(task, ms)) return true
  const { batch, project, transaction } = task
  const others = batch.filter((other) => other.message.offset > message.offset && other.message.key !== message.key)
  if (others.length === 0) throw error
  const rolledBack = new Error('It was only tried.')
  try {
    await transaction(async (trx) => {
      await projectAll(others.slice(0, mostProbed), { project, trx })
      throw rolledBack
    })
  } catch (failure) {
    return failure === rolledBack
  }
  return false
}

async function again<TTransaction>(
  item: WorkItem,
  parkedId: string,
  task: Task<TTransaction>,
): Promise<Failure | undefined> {
  const { schema, signal, progress, project, transaction, busy } = task
  busy(projectOf([item]))
  const retry = (commit: (sql: Sql) => Promise<void>) =>
    transaction(async (trx, sql) => {
      if (!(await unpark(sql, schema, parkedId))) return
      await projectAll([item], { project, trx })
      await commit(sql)
    })
  return tryAgain(() => progress.commit(retry), signal)
}

async function projectAll<TTransaction>(
  items: readonly WorkItem[],
  { project, trx }: { project: Project<CommittedEvent, TTransaction>; trx: TTransaction },
): Promise<void> {
  for (const { unreadable } of items) if (unreadable !== undefined) throw unreadable
  const events = items.flatMap(({ event }) => (event ? [event] : []))
  if (events.length > 0) await project(events, trx)
}

function projectOf(items: readonly WorkItem[]): string {
  return `project() with offsets ${items[0]!.message.offset} to ${items.at(-1)!.message.offset}, or its transaction`
}

/** An event without a handler passes: it changes nothing, whatever is parked before it. */
function isBlocked({ event, unreadable, message }: WorkItem, { blocked }: GroupTask): boolean {
  return blocked.has(message.key) && (event !== undefined || unreadable !== undefined)
}
