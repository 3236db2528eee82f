import { endOf, type Topic } from '@commitcast/broker'
import { EventsGone, lastGone } from '@commitcast/outbox'
import type { Logger, Sql } from '@commitcast/worker'

export interface BeginLiveOptions {
  readonly sql: Sql
  readonly schema: string
  /** The app's events; left out for an earlier epoch, whose events come from the outbox. */
  readonly topic?: Topic
  /** The live topic, in the same epoch. */
  readonly target: Topic
  readonly partition: number
  readonly logger: Logger
}

/**
 * Where a partition of the live topic continues. One that holds messages continues at its end. One that holds none, because
 * enrichment is new or a broker lost it, begins with the first event that can still be read, at that event's own offset;
 * clients that were behind that get `resync`. Throws `EventsGone` where messages are there and what follows them is gone.
 */
export async function beginLive(options: BeginLiveOptions): Promise<number> {
  const { target, partition, logger } = options
  const end = await endOf(target, partition)
  const after = await lastUnreadable(options, end)
  if (after <= end) return end
  if ((await target.first(partition)) <= end) throw wouldSkip(options, { end, after })
  await target.begin(partition, after)
  logger.warn(
    { code: 'LOG_BEGINS_LATER', topic: target.name, epoch: target.epoch, partition, first: after + 1, after: end },
    'the live topic begins with the first event that is still kept',
  )
  return after
}

/** The last offset that neither the broker nor the outbox has; `after` where one of them has the one behind that. */
async function lastUnreadable(options: BeginLiveOptions, after: number): Promise<number> {
  const { sql, schema, topic, target, partition } = options
  const inOutbox = await lastGone(sql, { schema, epoch: target.epoch, partition, after })
  if (!topic) return inOutbox
  const [first, end] = await Promise.all([topic.first(partition), endOf(topic, partition)])
  const onBroker = first <= end ? first - 1 : Number.POSITIVE_INFINITY
  return Math.max(after, Math.min(inOutbox, onBroker))
}

function wouldSkip(
  { target, partition }: BeginLiveOptions,
  { end, after }: { end: number; after: number },
): EventsGone {
  return new EventsGone(
    `${target.name}, partition ${partition}, ends at offset ${end}, and only what follows offset ${after} is kept of the ` +
      `events. Delete the live log of epoch ${target.epoch} on the broker: it then begins with that, and clients get "resync". ` +
      `Or run "commitcast topic new-epoch --from ${target.epoch}".`,
  )
}
