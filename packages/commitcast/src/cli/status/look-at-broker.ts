import { endOf, type TopicOptions } from '@commitcast/broker'
import { CommitcastError } from '@commitcast/events'
import { openBroker } from '../open-broker.ts'

/** What a broker has of a topic. */
export interface BrokerView {
  readonly name: string
  /** Why it, or one of its partitions, could not be asked. */
  readonly trouble?: string
  /** The newest offset of each partition: 0 where there is none, null where it could not be asked. */
  readonly ends: readonly (number | null)[]
}

/** Asks where each partition ends and changes nothing, so that a mistyped app does not become streams. */
export async function lookAtBroker(
  topic: TopicOptions,
  where: { database: string; nats: string | undefined },
): Promise<BrokerView> {
  const broker = await openBroker(where)
  const { name } = broker
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  try {
    const found = await broker.find(topic)
    if (!found) return { name, ends: partitions.map(() => 0) }
    const ends = await Promise.allSettled(partitions.map((partition) => endOf(found, partition)))
    const failure = ends.find((end) => end.status === 'rejected')
    return {
      name,
      ends: ends.map((end) => (end.status === 'fulfilled' ? end.value : null)),
      ...(failure && { trouble: troubleOf(failure.reason) }),
    }
  } catch (error) {
    return { name, trouble: troubleOf(error), ends: partitions.map(() => null) }
  } finally {
    await broker.close()
  }
}

/** A broker's own words; a mistake of ours is none. */
function troubleOf(error: unknown): string {
  if (error instanceof CommitcastError) return error.message
  throw error
}
