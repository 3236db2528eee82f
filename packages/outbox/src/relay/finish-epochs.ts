import { Diverged, endOf, type Topic, TopicMismatch } from '@commitcast/broker'
import { createBackoff } from '@commitcast/worker'
import { refillPartition } from '../epoch/refill-partition.ts'
import { EventsGone } from '../pages/read-pages.ts'
import type { PartitionOf } from './find-end.ts'

/**
 * Brings earlier epochs of a partition to their ends on the broker, for what was assigned there is assigned nowhere else.
 * Waits outages out. An epoch that the broker no longer has, or that can't be finished, is left as it is.
 */
export async function finishEpochs(
  of: PartitionOf,
  findEpoch: (epoch: number) => Promise<Topic | undefined>,
): Promise<void> {
  const backoff = createBackoff()
  for (let left: readonly Ended[] | undefined; !of.signal.aborted && left?.length !== 0; ) {
    try {
      left ??= await readEnded(of)
      const [newest] = left
      if (newest) await finish(of, newest, await findEpoch(newest.epoch))
    } catch (error) {
      const isFinal = [Diverged, EventsGone, TopicMismatch].some((kind) => error instanceof kind)
      of.logger.warn(
        { partition: of.partition, epoch: left?.[0]?.epoch, isFinal, err: error },
        'an earlier epoch is not finished',
      )
      if (!isFinal) {
        await backoff.wait(of.signal)
        continue
      }
    }
    left = left?.slice(1)
  }
}

interface Ended {
  readonly epoch: number
  readonly offset: number
}

function readEnded({ sql, schema, partition, topic }: PartitionOf): Promise<readonly Ended[]> {
  return sql.query<Ended>(
    `select epoch, "offset"::float8 as "offset" from ${schema}.epoch_end
     where partition = $1 and epoch < $2 order by epoch desc`,
    [partition, topic.epoch],
  )
}

async function finish(of: PartitionOf, { offset }: Ended, topic: Topic | undefined): Promise<void> {
  if (!topic || (await endOf(topic, of.partition)) >= offset) return
  await refillPartition(of.sql, { ...of, topic })
}
