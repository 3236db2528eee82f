import { endOf, type Message } from '@commitcast/broker'
import { bindApp, EventsGone, firstKept, readEpochEnd } from '@commitcast/outbox'
import type { PartitionReport } from '@commitcast/worker'
import type { Group, GroupPlace } from './group.ts'
import type { GroupPartition, StartOffset } from './group-offset.ts'
import { readOutbox } from './read-events.ts'
import { readVerifiedEvents } from './read-verified-events.ts'

export interface GroupBatch {
  readonly epoch: number
  readonly messages: readonly Message[]
}

export interface ReadGroupOptions extends GroupPlace, Pick<PartitionReport, 'waits' | 'progressed'> {
  readonly group: Group
  readonly at: GroupPartition
  /** How far the group is. */
  readonly start: StartOffset
  readonly signal: AbortSignal
}

/**
 * What a group has not done yet in a partition, in batches, oldest first: earlier epochs to their ends, from the outbox,
 * then the present one into the live tail. A group that has done nothing yet begins with what is still kept; one that has
 * never passes over anything: it throws `EventsGone`, and is halted.
 */
export async function* readGroup(options: ReadGroupOptions): AsyncGenerator<GroupBatch, void, void> {
  const { sql, schema, broker, app, at, group, signal, progressed } = options
  const { partition } = at
  const { maxBatch } = group
  const shape = await bindApp(sql, schema, app)
  let { epoch, offset: after, isStart } = options.start
  while (epoch < shape.epoch && !signal.aborted) {
    const upTo = await readEpochEnd(sql, { schema, epoch, partition })
    const from = isStart ? await skipGone(options, { epoch, after, upTo }) : after
    for await (const messages of readOutbox({ sql, schema, epoch, partition, after: from, upTo, signal, maxBatch })) {
      isStart = false
      yield { epoch, messages }
    }
    epoch++
    // What was assigned behind the end has the offsets from 1 on now. A broker that lost its tail may have had it before.
    after = Math.max(0, after - upTo)
  }
  const topic = await broker.topic({ name: `${app}-events`, ...shape })
  if (isStart) {
    const first = await topic.first(partition)
    const upTo = first - 1
    if (after < upTo) after = await skipGone(options, { epoch, after, upTo })
  }
  if ((await endOf(topic, partition)) <= after) progressed()
  for await (const messages of readVerifiedEvents({ ...options, ...at, topic, after, maxBatch })) {
    yield { epoch, messages }
  }
}

interface Stretch {
  readonly epoch: number
  readonly after: number
  readonly upTo: number
}

/** Where a group can begin: at the first offset of the stretch that the outbox still has, or at its end. */
async function skipGone({ sql, schema, at, logger }: ReadGroupOptions, { epoch, after, upTo }: Stretch) {
  const { partition, group } = at
  const first = await firstKept(sql, { schema, epoch, partition, after })
  const from = first === undefined ? upTo : Math.min(first - 1, upTo)
  if (from > after) {
    logger.warn(
      { code: 'GROUP_BEGINS_LATER', group, partition, epoch, from: from + 1 },
      'group begins with the first event that is still kept; earlier events are gone',
    )
  }
  return from
}

/** What stops a group that fell behind everything that is kept, in words. */
export function explainGone(error: unknown, { group }: GroupPartition): unknown {
  if (!(error instanceof EventsGone)) return error
  const [live, rebuild] = group.split('~')
  const remedy =
    rebuild === undefined
      ? `run "commitcast group reset ${group} --to beginning", which continues with the first event that is still kept.`
      : `run "commitcast group rebuild ${live} --cancel" and begin again with --from-kept.`
  return new EventsGone(
    `${error.message} The group "${group}" has not done it and passes over nothing by itself: raise the retention, or ${remedy}`,
    { cause: error },
  )
}
