import { connect, type JetStreamClient, type NatsConnection, StorageType } from 'nats'
import { partitions } from '../sample-event.ts'

/** A connection with one file stream per partition, for contenders that publish by themselves. */
export interface OpenStreams {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  /** The subject of a type in a partition. */
  subject(partition: number, type: string): string
}

export async function openStreams(natsUrl: string, name: string): Promise<OpenStreams> {
  const nc = await connect({ servers: natsUrl })
  const jsm = await nc.jetstreamManager()
  for (let partition = 0; partition < partitions; partition++) {
    const stream = `${name}_${partition}`
    await jsm.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.File })
  }
  return { nc, js: nc.jetstream(), subject: (partition, type) => `${name}_${partition}.${type}` }
}

/** Spreads keys over the partitions, for contenders that leave it to the application. */
export function partitionOf(key: string): number {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (hash * 31 + key.charCodeAt(index)) >>> 0
  return hash % partitions
}
