import { Diverged, endOf, type Topic, TopicMismatch } from '@commitcast/broker'
import { createBackoff, createOutageLog } from '@commitcast/worker'
import { refillPartition } from '../epoch/refill-partition.ts'
import { EventsGone } from '../pages/read-pages.ts'
import type { PartitionOf } from './partition-of.ts'

const unfinished = 'an earlier epoch is not finished'

/**
 * Brings earlier epochs of a partition to their ends on the broker, for what was assigned there is assigned nowhere else.
 * Waits outages out. An epoch that the broker no longer has, or that can't be finished, is left as it is.
 */
export async function finishEpochs(
  of: PartitionOf,
  findEpoch: (epoch: number) => Promise<Topic | undefined>,
): Promise<void> {
  const backoff = createBackoff()
  const outages = createOutageLog({
    logger: of.logger,
    code: 'EPOCH_UNFINISHED',
    began: unfinished,
    ended: 'an earlier epoch is finished',
  })
  for (let left: readonly Ended[] | undefined; !of.signal.aborted && left?.length !== 0; ) {
    try {
      left ??= await readEnded(of)
      const [newest] = left
      if (newest) await finish(of, newest, await findEpoch(newest.epoch))
      outages.ended(of.partition)
    } catch (error) {
      const isFinal = [Diverged, EventsGone, TopicMismatch].some((kind) => error instanceof kind)
      const details = { epoch: left?.[0]?.epoch, isFinal }
      if (!isFinal) {
        outages.failed(error, of.partition, details)
        await backoff.wait(of.signal)
        continue
      }
      of.logger.warn({ code: 'EPOCH_UNFINISHED', partition: of.partition, ...details, err: error }, unfinished)
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
