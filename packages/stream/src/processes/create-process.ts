import { timeoutType } from '@commitcast/events'
import type { EventRow } from '@commitcast/outbox'
import { checkWholeNumber, type Sql } from '@commitcast/worker'
import { carryInHalves } from '../groups/carry-in-halves.ts'
import { parkingOf, toGroup } from '../groups/group.ts'
import { isPassing } from '../groups/is-passing.ts'
import { type Parking, park, unpark } from '../groups/parked-queue.ts'
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
import { findTarget } from './find-target.ts'
import { type Machine, type MachineDefinition, type Rules, toMachine } from './machine.ts'
import type { ProcessOptions } from './process.ts'
import { type ProcessBatch, type ProcessTask, runBatch } from './run-batch.ts'
import type { EncodeEvents } from './take-input.ts'

export interface CreateProcessOptions<TTransaction> {
  readonly name: string
  readonly definition: MachineDefinition & ProcessOptions
  readonly rules: Rules
  /** Runs `act` in one transaction of the database, READ COMMITTED. */
  readonly transaction: (act: (trx: TTransaction, sql: Sql) => Promise<void>) => Promise<void>
  readonly encode: EncodeEvents
  /** Appends what `encode` made. */
  readonly append: (trx: TTransaction, rows: readonly EventRow[]) => Promise<void>
}

/** A process manager: what runs it, and its rules. */
export interface Process extends GroupWorker {
  readonly machine: Machine
}

const defaultBatch = 200
const dayMs = 86_400_000

/** A process manager, ready to be run. Throws `RangeError` or `TypeError` for a definition that can't be used. */
export function createProcess<TTransaction>(given: CreateProcessOptions<TTransaction>): Process {
  const { name, definition, rules, transaction, encode, append } = given
  const group = toGroup(name, definition, { maxBatch: defaultBatch })
  const { maxHeld = 100, holdMs = dayMs, historyMs = 30 * dayMs } = definition
  const process: ProcessTask = {
    machine: toMachine(name, definition, rules),
    encode,
    maxHeld: checkWholeNumber(`${name}: maxHeld`, maxHeld, { least: 0, most: 10_000 }),
    holdMs: checkWholeNumber(`${name}: holdMs`, holdMs, { most: 365 * dayMs }),
    historyMs: checkWholeNumber(`${name}: historyMs`, historyMs, { least: 0, most: 3_650 * dayMs }),
  }
  const types = [...process.machine.instanceOf.keys()]
  const inTransaction: Task['inTransaction'] = (act) =>
    transaction((trx, sql) => act(sql, (rows) => (rows.length === 0 ? Promise.resolve() : append(trx, rows))))
  const work: GroupWork = {
    isOrdered: true,
    carry: (items, task) => carry(items, { ...task, ...process, inTransaction }),
    again: (item, parkedId, task) => again(item, parkedId, { ...task, ...process, inTransaction }),
  }
  const run = (context: RunGroupContext) => {
    const understand: typeof context.understand = (event) =>
      event.type === timeoutType ? event : context.understand(event)
    return runGroup({ ...context, understand, group, work, types })
  }
  return { name, types, run, machine: process.machine }
}

interface Task extends GroupTask, ProcessTask {
  readonly inTransaction: (
    act: (sql: Sql, append: (rows: readonly EventRow[]) => Promise<void>) => Promise<void>,
  ) => Promise<void>
}

/** What a transition throws parks its event and nothing else; halves are for what the database refuses. */
function carry(items: readonly WorkItem[], task: Task): Promise<void> {
  return carryInHalves(items, {
    signal: task.signal,
    together: (half) => carryTogether(half, task),
    alone: (item) => carryOne(item, task),
  })
}

async function carryTogether(items: readonly WorkItem[], task: Task): Promise<void> {
  const { at, group, progress, inTransaction, blocked, logger, busy } = task
  busy(`transitions of offsets ${items[0]!.message.offset} to ${items.at(-1)!.message.offset}, or their transaction`)
  let done: ProcessBatch | undefined
  const carryIn = (commit: (sql: Sql) => Promise<void>) =>
    inTransaction(async (sql, append) => {
      done = await runBatch(sql, items, task)
      await append(done.outputs)
      await park(sql, at, done.parkings, parkingOf(group))
      await commit(sql)
    })
  await progress.commit(carryIn, endOf(items))
  for (const { item, attempts, reason, error: err } of done?.parkings ?? []) {
    if (attempts === 0) continue
    const context = { group: at.group, event: item.message.id, type: item.message.type, reason, err }
    logger.error({ code: 'EVENT_PARKED', ...context }, 'event parked')
  }
  for (const name of done?.blocking ?? []) blocked.add(name)
}

async function carryOne(item: WorkItem, task: Task): Promise<void> {
  const outcome = await tryEvent(item, task, {
    act: () => carryTogether([item], task),
    passes: isPassing,
    othersWork: (ms) => othersCommitted(task, ms),
  })
  if (typeof outcome === 'object') await setAside(outcome, task)
}

async function setAside(parking: Parking, task: Task): Promise<void> {
  const { at, group, progress, inTransaction, blocked, waits } = task
  const target = findTarget(task.machine, parking.item)
  const instance = target && 'instance' in target ? target.instance : undefined
  const parkIn = (commit: (sql: Sql) => Promise<void>) =>
    inTransaction(async (sql) => {
      await park(sql, at, [{ ...parking, instance }], parkingOf(group))
      await commit(sql)
    })
  await progress.commit(parkIn, endOf([parking.item]))
  blocked.add(instance ?? parking.item.message.key)
  waits()
}

async function again(item: WorkItem, parkedId: string, task: Task): Promise<Failure | undefined> {
  const { schema, signal, progress, inTransaction, busy } = task
  busy(`the transition of offset ${item.message.offset}, or its transaction`)
  const retry = (commit: (sql: Sql) => Promise<void>) =>
    inTransaction(async (sql, append) => {
      if (!(await unpark(sql, schema, parkedId))) return
      const { outputs, parkings } = await runBatch(sql, [item], { ...task, isRetry: true })
      await append(outputs)
      await park(sql, task.at, parkings, parkingOf(task.group))
      await commit(sql)
    })
  return tryAgain(() => progress.commit(retry), signal)
}
