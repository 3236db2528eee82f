import { endOf, type Topic } from '@commitcast/broker'
import { isOutage } from '@commitcast/worker'
import { createSharedRuns } from './shared-runs.ts'

/**
 * Makes what asks the broker where each partition of a topic ends, at the moment of asking or later: the hub may be behind,
 * as it reads the past at its start, and whenever its reading is interrupted. Clients that come at once share the answer.
 * Rejects in an outage; a partition that can't be read for another reason (it diverged) ends at 0.
 */
export function createTopicEnds(topic: Topic): () => Promise<readonly number[]> {
  const ask = async (partition: number) => {
    try {
      return await endOf(topic, partition)
    } catch (error) {
      if (isOutage(error)) throw error
      return 0
    }
  }
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  return createSharedRuns(() => Promise.all(partitions.map(ask)))
}
