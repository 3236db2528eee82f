import type { Broker } from '../broker.ts'
import { BrokerUnavailable } from '../errors.ts'
import { readNatsAddress } from './nats-address.ts'
import { type Connection, type NatsConnectionOptions, openConnection } from './nats-connection.ts'
import { createHints } from './nats-hints.ts'
import { findStreams, openStreams } from './nats-streams.ts'
import { createTopic } from './nats-topic.ts'

export interface NatsBrokerOptions {
  /** `nats://user:password@127.0.0.1:4222`, or `nats://token@…`, or several of one cluster; `tls://` insists on TLS. */
  readonly servers: string | readonly string[]
  /** Copies of each stream in a cluster. Default 1. Applied when a stream is created; an existing stream keeps its setting. */
  readonly replicas?: number
  /** How long the broker keeps events. Default 7 days. Applied when a stream is created; an existing stream keeps its setting. */
  readonly maxAgeMs?: number
  /** After this long without an answer the outcome of a request is unknown. Default 5,000. */
  readonly timeoutMs?: number
  /**
   * Whether each message of an append also names the one before it (`Nats-Msg-Id`, `Nats-Expected-Last-Msg-Id`). Then the
   * server refuses everything behind another client's message at once; without it, one event of Commitcast's may be missing
   * until a reader finds that message (`Diverged`). About half the speed. Without it give
   * no other client the right to publish. Default no.
   */
  readonly strictChain?: boolean
  /** Anything else that `connect` of the `nats` package takes: credentials, TLS, names. */
  readonly connection?: NatsConnectionOptions
}

const weekMs = 7 * 24 * 3_600_000

/**
 * NATS JetStream as a broker: one stream per partition, whose sequence numbers are the offsets, written only by
 * compare-and-append (`Nats-Expected-Last-Sequence`), so that a writer that lost its lease is refused by the server.
 * Connects at the first use and reconnects for ever. Needs nats-server 2.9 or newer with JetStream.
 *
 * An append counts as stored when JetStream acknowledges it, which is before the disk does: after a power loss on one
 * replica the tail may be missing, and the relay refills it.
 *
 * Throws `InvalidAddress` for `servers` that can't be used.
 */
export function natsBroker(options: NatsBrokerOptions): Broker {
  const settings = { replicas: 1, maxAgeMs: weekMs, timeoutMs: 5_000, strictChain: false, ...options }
  const address = readNatsAddress(options.servers)
  let opening: Promise<Connection> | undefined
  let closed = false

  const opened = (): Promise<Connection> => {
    if (closed) throw new BrokerUnavailable('This NATS broker was closed.')
    opening ??= openConnection(address, settings).catch((error) => {
      opening = undefined
      throw error
    })
    return opening
  }

  return {
    name: 'nats',
    traits: { durable: true },
    hints: createHints(opened),
    async topic(topic) {
      const connection = await opened()
      const streams = await openStreams(connection, topic, settings)
      return createTopic({ connection, streams, topic, isStrict: settings.strictChain })
    },
    async find(topic) {
      const connection = await opened()
      const streams = await findStreams(connection, topic, settings)
      return streams && createTopic({ connection, streams, topic, isStrict: settings.strictChain })
    },
    async close() {
      closed = true
      const current = await opening?.catch(() => undefined)
      await current?.nc.close()
    },
  }
}
