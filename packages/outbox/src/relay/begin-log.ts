import type { Logger } from '@commitcast/worker'
import { lastGone } from '../pages/first-kept.ts'
import type { LogOf } from './partition-of.ts'

/**
 * Where a log continues that ends at `end`. One that holds messages continues there. One that holds none, on a broker that
 * never had it or lost it, begins with the first event that the outbox still has, at that event's own offset: an offset
 * belongs to the page log, not to a broker. Readers of earlier ones get `OffsetGone`.
 */
export async function beginLog(of: LogOf & { readonly logger?: Logger }, end: number): Promise<number> {
  const { sql, schema, topic, partition, logger } = of
  if ((await topic.first(partition)) <= end) return end
  const after = await lastGone(sql, { schema, epoch: topic.epoch, partition, after: end })
  if (after <= end) return end
  await topic.begin(partition, after)
  logger?.warn(
    { code: 'LOG_BEGINS_LATER', topic: topic.name, epoch: topic.epoch, partition, first: after + 1, after: end },
    'the log begins with the first event that is still kept; the broker had none of the earlier ones',
  )
  return after
}
