import { type JetStreamManager, type NatsConnection, NatsError, nanos, RetentionPolicy, StorageType } from 'nats'
import type { TopicOptions } from '../broker.ts'
import { BrokerUnavailable, TopicMismatch } from '../errors.ts'

interface StreamSettings {
  readonly replicas: number
  readonly maxAgeMs: number
  readonly timeoutMs: number
}

/** The streams of a topic: one per partition. */
export interface Streams {
  readonly jsm: JetStreamManager
  nameOf(partition: number): string
  subjectOf(partition: number, type: string): string
}

const streamNotFound = 10059

/** Creates the missing streams of a topic and checks the settings of those that exist. */
export async function openStreams(nc: NatsConnection, topic: TopicOptions, settings: StreamSettings): Promise<Streams> {
  if (!/^[A-Za-z0-9_-]+$/.test(topic.name)) {
    throw new TopicMismatch(
      `The topic name ${JSON.stringify(topic.name)} can't name a stream: use letters, digits, "-" and "_".`,
    )
  }
  const jsm = await asked('JetStream', () => nc.jetstreamManager({ timeout: settings.timeoutMs }))
  const streams: Streams = {
    jsm,
    nameOf: (partition) => `${topic.name}-${topic.epoch}_${checked(partition, topic)}`,
    subjectOf: (partition, type) => `${topic.name}.${topic.epoch}.${partition}.${type}`,
  }
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  await Promise.all(partitions.map((partition) => openStream(streams, partition, settings)))
  return streams
}

async function openStream({ jsm, nameOf, subjectOf }: Streams, partition: number, settings: StreamSettings) {
  const name = nameOf(partition)
  const subject = subjectOf(partition, '>')
  const found = await findStream(jsm, name)
  if (!found) {
    await asked(name, () =>
      jsm.streams.add({
        name,
        subjects: [subject],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        num_replicas: settings.replicas,
        max_age: nanos(settings.maxAgeMs),
        allow_direct: true,
      }),
    )
    return
  }
  const { subjects, retention } = found.config
  if (retention !== RetentionPolicy.Limits || subjects?.length !== 1 || subjects[0] !== subject) {
    throw new TopicMismatch(
      `The stream ${name} exists with retention "${retention}" and subjects ${JSON.stringify(subjects)}; ` +
        `it has to have retention "limits" and the one subject "${subject}". Change it, or give the app another name.`,
    )
  }
}

async function findStream(jsm: JetStreamManager, name: string) {
  return asked(name, async () => {
    try {
      return await jsm.streams.info(name)
    } catch (error) {
      if (error instanceof NatsError && error.api_error?.err_code === streamNotFound) return undefined
      throw error
    }
  })
}

function checked(partition: number, topic: TopicOptions): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < topic.partitions) return partition
  throw new RangeError(`${topic.name} has the partitions 0 to ${topic.partitions - 1}, not ${partition}.`)
}

/** Runs one request to JetStream; whatever goes wrong is told as an outage with what was asked. */
export async function asked<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    const code = error instanceof NatsError ? `${error.code} ` : ''
    throw new BrokerUnavailable(
      `NATS did not answer for ${what}: ${code}${error instanceof Error ? error.message : String(error)}.`,
      { cause: error },
    )
  }
}
