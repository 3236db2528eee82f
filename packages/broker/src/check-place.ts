import type { Message, TopicOptions } from './broker.ts'

/** Every adapter's first line of `append`: a message's own offset must be the place that it is about to take. */
export function checkOffsets(after: number, messages: readonly Message[]): void {
  messages.forEach((message, index) => {
    const place = after + 1 + index
    if (message.offset === place) return
    throw new RangeError(
      `append: the message with id ${message.id} has offset ${message.offset}, its place is ${place}.`,
    )
  })
}

/** Returns the partition; throws where the topic does not have it. */
export function checkPartition(partition: number, topic: TopicOptions): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < topic.partitions) return partition
  throw new RangeError(`${topic.name} has the partitions 0 to ${topic.partitions - 1}, not ${partition}.`)
}
