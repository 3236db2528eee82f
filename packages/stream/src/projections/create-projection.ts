import type { CommittedEvent } from '@commitcast/events'
import type { Partitions, Sql } from '@commitcast/worker'
import { toGroup } from '../groups/group.ts'
import { isPassing } from '../groups/is-passing.ts'
import { type Parking, park, parkedLimit, toWaiting, unpark } from '../groups/parked-queue.ts'
import {
  attempted,
  type GroupTask,
  type GroupWork,
  type GroupWorker,
  type RunGroupPlace,
  reasonOf,
  runGroup,
} from '../groups/run-group.ts'
import type { WorkItem } from '../groups/work-item.ts'
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

/** A projection, ready to be run. Throws `RangeError` for a name or an option that can't be used. */
export function createProjection<TTransaction>(given: CreateProjectionOptions<TTransaction>): GroupWorker {
  const { name, project, options = {}, transaction } = given
  const group = toGroup(name, options, { maxBatch: defaultBatch })
  const { tables } = options
  if (tables?.length === 0)
    throw new RangeError(`${name}: "tables" is empty; name the tables that it writes to, or leave it out.`)
  const workIn = (transaction: InTransaction<TTransaction>): GroupWork => ({
    isOrdered: true,
    carry: (items, task) => carry(items, { ...task, project, transaction }),
    again: (item, parkedId, { schema, progress }) =>
      progress.commit((commit) =>
        transaction(async (trx, sql) => {
          if (!(await unpark(sql, schema, parkedId))) return
          await projectAll([item], { project, trx })
          await commit(sql)
        }),
      ),
  })
  const run = (place: RunGroupPlace) => {
    const types = place.catalogTypes
    if (!tables) return runGroup({ ...place, group, types, work: workIn(transaction) })
    const gate = createGate()
    const live = runGroup({ ...place, group, types, work: workIn((act) => gate.pass(() => transaction(act))) })
    return beside(live, runRebuild({ group, tables, place, transaction, workIn, gate }))
  }
  return { name, run }
}

/** A rebuild in trouble harms nobody: the group is as healthy as the live one. */
function beside(live: Partitions, rebuild: Partitions): Partitions {
  return {
    done: Promise.all([live.done, rebuild.done]).then(() => {}),
    health: () => ({ ...live.health(), rebuild: rebuild.health() }),
  }
}

type Task<TTransaction> = GroupTask & Pick<CreateProjectionOptions<TTransaction>, 'project' | 'transaction'>

/** All in one transaction. Where that fails, halves, until the one event is found that fails alone. */
async function carry<TTransaction>(items: readonly WorkItem[], task: Task<TTransaction>): Promise<void> {
  if (items.length === 0 || task.signal.aborted) return
  if (items.length === 1) return carryOne(items[0]!, task)
  try {
    await carryTogether(items, task)
  } catch (error) {
    if (task.signal.aborted || isPassing(error)) throw error
    const middle = Math.ceil(items.length / 2)
    await carry(items.slice(0, middle), task)
    await carry(items.slice(middle), task)
  }
}

async function carryTogether<TTransaction>(items: readonly WorkItem[], task: Task<TTransaction>): Promise<void> {
  const { at, group, project, transaction, blocked, progress } = task
  const free = blocked.size === 0 ? items : items.filter((item) => !isBlocked(item, task))
  const waiting = items.filter((item) => isBlocked(item, task)).map(toWaiting)
  const carryIn = (commit: (sql: Sql) => Promise<void>) =>
    transaction(async (trx, sql) => {
      await projectAll(free, { project, trx })
      await park(sql, at, waiting, parkedLimit(group))
      await commit(sql)
    })
  await progress.commit(carryIn, endOf(items))
}

async function carryOne<TTransaction>(item: WorkItem, task: Task<TTransaction>): Promise<void> {
  const { at, group, transaction, blocked, signal, logger, progress } = task
  const { onFailure } = group
  // What can't be read now can't be read later.
  const attempts = item.unreadable === undefined ? group.attempts : 1
  try {
    await attempted(() => carryTogether([item], task), { attempts, signal })
  } catch (error) {
    if (signal.aborted || isPassing(error)) throw error
    if (onFailure.type === 'stop') throw stopped(item, error, task)
    const parking: Parking = { item, attempts, reason: reasonOf(error) }
    const parkIn = (commit: (sql: Sql) => Promise<void>) =>
      transaction(async (_, sql) => {
        await park(sql, at, [parking], parkedLimit(group))
        await commit(sql)
      })
    await progress.commit(parkIn, endOf([item]))
    blocked.add(item.message.key)
    logger.error({ group: at.group, event: item.message.id, type: item.message.type, err: error }, 'parked an event')
  }
}

async function projectAll<TTransaction>(
  items: readonly WorkItem[],
  { project, trx }: { project: Project<CommittedEvent, TTransaction>; trx: TTransaction },
): Promise<void> {
  for (const { unreadable } of items) if (unreadable !== undefined) throw unreadable
  const events = items.flatMap(({ event }) => (event ? [event] : []))
  if (events.length > 0) await project(events, trx)
}

/** What nobody handles passes: it changes nothing, whoever is parked before it. */
function isBlocked({ event, unreadable, message }: WorkItem, { blocked }: GroupTask): boolean {
  return blocked.has(message.key) && (event !== undefined || unreadable !== undefined)
}

function endOf(items: readonly WorkItem[]) {
  const { epoch, message } = items.at(-1)!
  return { epoch, offset: message.offset }
}

function stopped({ message }: WorkItem, error: unknown, { at, logger }: GroupTask): Error {
  const words = `"${at.group}" stands still at offset ${message.offset} of partition ${at.partition}: event ${message.id} (${message.type}) fails: ${reasonOf(error)}`
  logger.error({ group: at.group, event: message.id, err: error }, 'the partition stands still')
  return new Error(words, { cause: error })
}
