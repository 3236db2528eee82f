import { type EventRow, newEventId } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { isPassing } from '../groups/is-passing.ts'
import { type Parking, toWaiting } from '../groups/parked-queue.ts'
import { reasonOf } from '../groups/reason-of.ts'
import type { GroupTask } from '../groups/run-group.ts'
import { toItems, type WorkItem } from '../groups/work-item.ts'
import type { Decision } from './decide.ts'
import { findTarget, type Target } from './find-target.ts'
import { holdEvents, takeHeld } from './held-events.ts'
import type { InstanceWork } from './instance.ts'
import { loadInstances } from './load-instances.ts'
import type { Machine, ProcessInput } from './machine.ts'
import { NoInstance } from './no-instance.ts'
import { ownerOf, type ScheduledInput, scheduleInputs, timeoutChanges, unscheduleInputs } from './process-timeouts.ts'
import { saveInstances } from './save-instances.ts'
import { causeHeaders, type Effects, type EncodeEvents, takeInput } from './take-input.ts'

/** A process and how it goes about its work. */
export interface ProcessTask {
  readonly machine: Machine
  readonly encode: EncodeEvents
  readonly maxHeld: number
  readonly holdMs: number
  readonly historyMs: number
}

/** What is left to do in the transaction. */
export interface ProcessBatch {
  /** To be appended. */
  readonly outputs: readonly EventRow[]
  /** To be parked. */
  readonly parkings: readonly Parking[]
  /** The instances and keys that have parked events in this partition. */
  readonly blocking: readonly string[]
}

type BatchTask = GroupTask &
  ProcessTask & { /** Of a parked event: it waits behind nothing. */ readonly isRetry?: boolean }

interface Batch extends Omit<BatchTask, 'sql'> {
  readonly sql: Sql
  readonly effects: Effects
  readonly works: ReadonlyMap<string, InstanceWork>
  readonly parkings: Parking[]
  readonly blocking: Set<string>
  readonly scheduled: ScheduledInput[]
  readonly unscheduled: Pick<ScheduledInput, 'owner' | 'name'>[]
}

/**
 * Gives a batch of messages to their instances, in order, in the transaction of `sql`, and writes what they led to except for
 * what it returns. One statement loads and locks all instances, and a few write them, whatever the size of the batch.
 */
export async function runBatch(sql: Sql, items: readonly WorkItem[], task: BatchTask): Promise<ProcessBatch> {
  const { machine, schema, at, historyMs } = task
  const targets = items.flatMap((item) => findTarget(machine, item) ?? [])
  const ids = [...new Set(targets.flatMap((target) => ('instance' in target ? [target.instance] : [])))]
  const works = await loadInstances(sql, { schema, machine, ids })
  const effects: Effects = { outputs: [], history: [], held: [] }
  const batch: Batch = {
    ...{ ...task, sql, effects, works, parkings: [], blocking: new Set<string>(), scheduled: [], unscheduled: [] },
  }
  for (const target of targets) await takeTarget(target, batch)
  for (const work of works.values()) {
    const { cancelled, set } = timeoutChanges(machine, work)
    batch.unscheduled.push(...cancelled)
    batch.scheduled.push(...set)
  }
  await saveInstances(sql, { schema, machine, works: [...works.values()], history: effects.history, historyMs })
  await holdEvents(sql, { schema, machine, partition: at.partition }, effects.held)
  for (const { instance, item } of effects.held) batch.scheduled.push(endOfHolding(batch, { instance, item }))
  await unscheduleInputs(sql, schema, batch.unscheduled)
  await scheduleInputs(sql, schema, batch.scheduled)
  return { outputs: effects.outputs, parkings: batch.parkings, blocking: [...batch.blocking] }
}

async function takeTarget(target: Target, batch: Batch): Promise<void> {
  const { works, isRetry = false, blocked } = batch
  const { item } = target
  if ('error' in target) return fail(target.error, { item }, batch)
  const { instance } = target
  const work = works.get(instance)!
  if ('heldId' in target) return endHolding(work, target.heldId, batch)
  const waits = work.isBlocked || batch.blocking.has(item.message.key) || blocked.has(item.message.key)
  if (waits && !isRetry) {
    batch.parkings.push({ ...toWaiting(item), instance })
    batch.blocking.add(instance)
    work.isBlocked = true
    return
  }
  await take(work, { item, input: target.input }, batch)
}

interface Given {
  readonly item: WorkItem
  readonly input: ProcessInput
  /** The partition of an event that was held. */
  readonly partition?: number
}

async function take(work: InstanceWork, given: Given, batch: Batch): Promise<void> {
  let decision: Decision
  try {
    decision = await takeInput(work, given, batch)
  } catch (error) {
    return fail(error, { ...given, work }, batch)
  }
  // Events are held only where there is no instance, so this step has created it.
  if (decision.kind === 'step' && work.held > 0) await release(work, batch)
}

/** The instance exists now: what was held for it comes next, in the same commit. */
async function release(work: InstanceWork, batch: Batch): Promise<void> {
  const { sql, machine, at } = batch
  work.held = 0
  const held = await takeHeld(sql, batch, { instance: work.id })
  const all = batch.effects.held.splice(0)
  batch.effects.held.push(...all.filter(({ instance }) => instance !== work.id))
  for (const [index, item] of (await toItems(held, batch)).entries()) {
    const { partition } = held[index]!
    const { length } = batch.parkings
    await takeHeldItem(work, { item, partition }, batch)
    const isElsewhere = batch.parkings.length > length && partition !== at.partition
    // The worker of its partition does not know that it is parked: the end of the holding comes now, and says so.
    if (isElsewhere) batch.scheduled.push({ ...endOfHolding(batch, { instance: work.id, item }), afterMs: 0 })
    else batch.unscheduled.push({ owner: ownerOf(machine, work.id), name: holdName(item) })
  }
  for (const { instance, item } of all) {
    if (instance === work.id) await takeHeldItem(work, { item, partition: at.partition }, batch)
  }
}

async function takeHeldItem(
  work: InstanceWork,
  { item, partition }: { readonly item: WorkItem; readonly partition: number },
  batch: Batch,
): Promise<void> {
  const target = findTarget(batch.machine, item)
  const input = target && 'input' in target ? target.input : undefined
  if (!work.isBlocked && input) return take(work, { item, input, partition }, batch)
  if (work.isBlocked) batch.parkings.push({ ...toWaiting(item), instance: work.id, partition })
  else if (target && 'error' in target) await fail(target.error, { item, work, partition }, batch)
}

/** The time that an event may be held for has ended. Or it was parked when its instance was created: its partition looks. */
async function endHolding(work: InstanceWork, heldId: string, batch: Batch): Promise<void> {
  if (work.isBlocked) batch.blocking.add(work.id)
  const held = await takeHeld(batch.sql, batch, { instance: work.id, eventId: heldId })
  const [item] = await toItems(held, batch)
  if (!item) return
  work.held--
  const reason = `It was held for ${batch.holdMs} ms, and nothing created the instance ${JSON.stringify(work.id)} of ${batch.machine.name}.`
  const instance = aloneName(item.message.id)
  batch.parkings.push({ item, attempts: 1, reason, instance })
  batch.blocking.add(instance)
}

interface Failed {
  readonly item: WorkItem
  /** Missing where it is not known. */
  readonly work?: InstanceWork
  readonly partition?: number
}

/** Parks an event. Later ones of its instance wait behind it; `NoInstance` parks it alone. */
async function fail(error: unknown, { item, work, partition }: Failed, batch: Batch): Promise<void> {
  const { isRetry = false, group, parkings, blocking } = batch
  const isOwn = partition === undefined
  if (isPassing(error) || group.onFailure.type === 'stop' || (isRetry && isOwn)) throw error
  const isAlone = error instanceof NoInstance
  const instance = isAlone ? aloneName(item.message.id) : work?.id
  parkings.push({
    ...{ item, attempts: 1, reason: reasonOf(error, item.message), error },
    ...(instance !== undefined && { instance }),
    ...(partition !== undefined && { partition }),
  })
  blocking.add(instance ?? item.message.key)
  if (work && !isAlone) work.isBlocked = true
}

function endOfHolding(
  { machine, holdMs }: Batch,
  { instance, item }: { readonly instance: string; readonly item: WorkItem },
): ScheduledInput {
  return {
    ...{
      owner: ownerOf(machine, instance),
      name: holdName(item),
      afterMs: holdMs,
      id: newEventId(),
      key: item.message.key,
    },
    data: { process: machine.name, instance, held: item.message.id },
    headers: causeHeaders(item),
  }
}

function holdName({ message }: WorkItem): string {
  return `hold:${message.id}`
}

/** Of an event that is parked without an instance, as its instance: nothing waits behind it. */
function aloneName(eventId: string): string {
  return `event ${eventId}`
}
