import { type ConnectionOptions, connect, type NatsConnection } from 'nats'
import type { Broker, TopicOptions } from '../broker.ts'
import { BrokerUnavailable } from '../errors.ts'
import { readNatsAddress } from './nats-address.ts'
import { createAcks } from './nats-append.ts'
import { openStreams } from './nats-streams.ts'
import { createTopic } from './nats-topic.ts'

export { readNatsAddress }

export interface NatsBrokerOptions {
  /** `nats://user:password@127.0.0.1:4222`, or several of one cluster; `tls://` insists on TLS. */
  readonly servers: string | readonly string[]
  /** Copies of each stream in a cluster. Default 1. */
  readonly replicas?: number
  /** How long the broker keeps events. Default 7 days. */
  readonly maxAgeMs?: number
  /** After this long without an answer the outcome of a request is unknown. Default 5,000. */
  readonly timeoutMs?: number
  /** Anything else that `connect` of the `nats` package takes: credentials, TLS, names. */
  readonly connection?: Omit<ConnectionOptions, 'servers' | 'maxReconnectAttempts'>
}

const weekMs = 7 * 24 * 3_600_000

/**
 * NATS JetStream as a broker: one stream per partition, whose sequence numbers are the offsets, written only by
 * compare-and-append (`Nats-Expected-Last-Sequence`), so that a writer that lost its lease is refused by the server.
 * Connects at the first use and reconnects for ever. Needs nats-server 2.9 or newer with JetStream.
 */
export function natsBroker(options: NatsBrokerOptions): Broker {
  const settings = { replicas: 1, maxAgeMs: weekMs, timeoutMs: 5_000, ...options }
  let opening: Promise<Opened> | undefined
  let closed = false

  const opened = (): Promise<Opened> => {
    if (closed) throw new BrokerUnavailable('This NATS broker was closed.')
    opening ??= open(settings).catch((error) => {
      opening = undefined
      throw error
    })
    return opening
  }

  return {
    name: 'nats',
    async topic(topic: TopicOptions) {
      const { nc, acks } = await opened()
      const streams = await openStreams(nc, topic, settings)
      return createTopic({ nc, acks, streams, topic })
    },
    async close() {
      closed = true
      const current = await opening?.catch(() => undefined)
      await current?.nc.close()
    },
  }
}

interface Opened {
  readonly nc: NatsConnection
  readonly acks: ReturnType<typeof createAcks>
}

async function open(options: NatsBrokerOptions & { timeoutMs: number }): Promise<Opened> {
  const address = readNatsAddress(options.servers)
  try {
    const nc = await connect({
      name: 'commitcast',
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      pingInterval: 10_000,
      ...address,
      ...options.connection,
      maxReconnectAttempts: -1,
    })
    return { nc, acks: createAcks(nc, options.timeoutMs) }
  } catch (error) {
    throw new BrokerUnavailable(
      `Can't connect to NATS at ${String(address.servers)}: ${messageOf(error)}. Is a nats-server with JetStream (-js) running there?`,
      { cause: error },
    )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
