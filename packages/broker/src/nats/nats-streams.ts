import {
  type JetStreamManager,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
  type StreamInfo,
} from 'nats'
import type { TopicOptions } from '../broker.ts'
import { checkOwner } from '../check-owner.ts'
import { checkPartition } from '../check-place.ts'
import { TopicMismatch } from '../errors.ts'
import type { Connection } from './nats-connection.ts'
import { checkStream, describeOwner, ownerOf } from './nats-stream-check.ts'

interface StreamSettings {
  readonly replicas: number
  readonly maxAgeMs: number
  readonly timeoutMs: number
}

/** The streams of a topic: one per partition. */
export interface Streams {
  readonly jsm: JetStreamManager
  /** The smallest max_msg_size among them. */
  readonly maxMessageBytes: number
  nameOf(partition: number): string
  subjectOf(partition: number, type: string): string
  info(partition: number): Promise<StreamInfo>
  /** The message at an offset; `undefined` where there is none. */
  messageAt(partition: number, offset: number): Promise<StoredMsg | undefined>
}

const streamNotFound = 10059
const noMessageFound = 10037
const takenName = 10058
const overlappingSubjects = 10065

/** Creates the missing streams of a topic and checks the settings of those that exist. */
export async function openStreams(connection: Connection, topic: TopicOptions, settings: StreamSettings) {
  const look = await lookAt(connection, topic, settings)
  const missing = look.found.flatMap((info, partition) => (info ? [] : [partition]))
  const made = await Promise.all(missing.map((partition) => makeStream(look, partition, settings)))
  return streamsOf(look, [...look.found, ...made])
}

/** Checks the streams of a topic and creates none; `undefined` where there are none. */
export async function findStreams(connection: Connection, topic: TopicOptions, settings: StreamSettings) {
  const look = await lookAt(connection, topic, settings)
  return look.found.some((info) => info !== undefined) ? streamsOf(look, look.found) : undefined
}

interface Look {
  readonly connection: Connection
  readonly jsm: JetStreamManager
  readonly topic: TopicOptions
  readonly found: readonly (StreamInfo | undefined)[]
}

async function lookAt(connection: Connection, topic: TopicOptions, { timeoutMs }: StreamSettings): Promise<Look> {
  if (!/^[A-Za-z0-9_-]+$/.test(topic.name)) {
    throw new TopicMismatch(
      `The topic name ${JSON.stringify(topic.name)} can't name a stream: use letters, digits, "-" and "_".`,
    )
  }
  const jsm = await connection.ask('JetStream', () => connection.nc.jetstreamManager({ timeout: timeoutMs }))
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition)
  const found = await Promise.all(
    partitions.map((partition) =>
      connection.ask(nameOf(topic, partition), () =>
        unless(streamNotFound, jsm.streams.info(nameOf(topic, partition))),
      ),
    ),
  )
  for (const [partition, info] of found.entries()) if (info) check(info, topic, partition)
  return { connection, jsm, topic, found }
}

function check({ config }: StreamInfo, topic: TopicOptions, partition: number): void {
  checkStream(config, subjectOf(topic, partition, '>'))
  checkOwner(topic, ownerOf(config))
}

async function makeStream({ connection, jsm, topic }: Look, partition: number, settings: StreamSettings) {
  const name = nameOf(topic, partition)
  const subject = subjectOf(topic, partition, '>')
  const config = {
    name,
    subjects: [subject],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: settings.replicas,
    max_age: nanos(settings.maxAgeMs),
    allow_direct: true,
    ...(topic.owner && { description: describeOwner(topic.owner) }),
  }
  try {
    return await connection.ask(name, () => jsm.streams.add(config))
  } catch (error) {
    const code = codeOf((error as Error).cause)
    if (code === overlappingSubjects) {
      throw new TopicMismatch(
        `Another stream than ${name} already takes "${subject}", or part of it. Take that subject from it.`,
        { cause: error },
      )
    }
    if (code !== takenName) throw error
    // Another process made it just now, with other settings.
    const info = await connection.ask(name, () => jsm.streams.info(name))
    check(info, topic, partition)
    return info
  }
}

function streamsOf({ connection, jsm, topic }: Look, infos: readonly (StreamInfo | undefined)[]): Streams {
  const name = (partition: number) => nameOf(topic, checkPartition(partition, topic))
  const limits = infos.map((info) => info?.config.max_msg_size ?? -1).filter((limit) => limit > 0)
  return {
    jsm,
    maxMessageBytes: Math.min(...limits),
    nameOf: name,
    subjectOf: (partition, type) => subjectOf(topic, partition, type),
    async info(partition) {
      const stream = name(partition)
      return connection.ask(stream, () => jsm.streams.info(stream))
    },
    async messageAt(partition, offset) {
      const stream = name(partition)
      const asking = () => unless(noMessageFound, jsm.streams.getMessage(stream, { seq: offset }))
      return connection.ask(`offset ${offset} of ${stream}`, asking)
    },
  }
}

function nameOf({ name, epoch }: TopicOptions, partition: number): string {
  return `${name}-${epoch}_${partition}`
}

function subjectOf({ name, epoch }: TopicOptions, partition: number, type: string): string {
  return `${name}.${epoch}.${partition}.${type}`
}

/** What was asked for; `undefined` where the answer is this one. */
async function unless<T>(code: number, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (codeOf(error) === code) return undefined
    throw error
  }
}

function codeOf(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined
}

/** Whether an outage is, in truth, a stream that does not exist. */
export function isNotThere(error: unknown): boolean {
  return codeOf((error as { cause?: unknown }).cause) === streamNotFound
}
