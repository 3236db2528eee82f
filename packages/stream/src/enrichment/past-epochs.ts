import { type Broker, Diverged, endOf, type Topic, type TopicOptions } from '@commitcast/broker'
import { EventsGone, readEpochEnd } from '@commitcast/outbox'
import type { Logger, Sql } from '@commitcast/worker'
import { readOutbox } from '../groups/read-events.ts'
import { beginLive } from './begin-live.ts'
import type { CarryOptions } from './carry-batches.ts'

export interface PastEpochsOptions {
  readonly sql: Sql
  readonly schema: string
  readonly broker: Broker
  /** The app's name. */
  readonly app: string
  readonly partitions: number
  readonly partition: number
  /** The present epoch. */
  readonly present: number
  readonly signal: AbortSignal
  readonly logger: Logger
  /** The most events in one batch. */
  readonly maxBatch: number
  /** Makes and appends the live messages of these batches, which follow what is there. */
  readonly carry: (target: Topic, after: number, batches: CarryOptions['batches']) => Promise<void>
}

/**
 * Brings a partition of the live topic's earlier epochs to its end, which the page log knows for good. The events come from
 * the outbox: the broker may have lost or changed what made the new epoch necessary. Where the outbox no longer has them
 * either, it continues without, and logs that.
 */
export async function finishPastEpochs(options: PastEpochsOptions): Promise<void> {
  const { present, signal } = options
  for (let epoch = await findBegun(options); epoch < present && !signal.aborted; epoch++) {
    await finish(options, epoch)
  }
}

/** The newest epoch that the live topic has anything of, for an epoch is begun when the one before is finished. */
async function findBegun({ broker, app, partitions, partition, present }: PastEpochsOptions): Promise<number> {
  for (let epoch = present; epoch > 1; epoch--) {
    const live = await openIfThere(broker, { name: `${app}-live`, epoch, partitions })
    if (live && (await endOf(live, partition)) > 0) return epoch
  }
  return 1
}

async function finish(options: PastEpochsOptions, epoch: number): Promise<void> {
  const { sql, schema, broker, app, partitions, partition, logger, maxBatch, carry } = options
  const end = await readEpochEnd(sql, { schema, epoch, partition })
  // A broker that has nothing of the epoch's events has lost it as a whole: no client waits there for the live ones.
  if (end === 0 || !(await openIfThere(broker, { name: `${app}-events`, epoch, partitions }))) return
  const target = await broker.topic({ name: `${app}-live`, epoch, partitions })
  try {
    const after = await beginLive({ ...options, target })
    await carry(target, after, (signal) =>
      readOutbox({ sql, schema, epoch, partition, after, upTo: end, signal, maxBatch }),
    )
  } catch (error) {
    if (!(error instanceof EventsGone || error instanceof Diverged)) throw error
    logger.warn(
      { code: 'LIVE_EPOCH_UNFINISHED', epoch, partition, err: error },
      'earlier epoch of the live topic stays unfinished',
    )
  }
}

/** Makes the partitions that are missing, where anything of the topic is there. */
async function openIfThere(broker: Broker, topic: TopicOptions) {
  return (await broker.find(topic)) && broker.topic(topic)
}
