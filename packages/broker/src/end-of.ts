import type { Topic } from './broker.ts'

/** The offset of a partition's newest message, kept or not; 0 where there was never one. Rejects as `last` does. */
export async function endOf(topic: Topic, partition: number): Promise<number> {
  return (await topic.last(partition))?.offset ?? 0
}
