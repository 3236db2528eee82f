import { connect, createInbox, type NatsConnection } from 'nats'
import { BrokerUnavailable } from '../errors.ts'
import { type Acks, createAcks } from './nats-acks.ts'
import type { readNatsAddress } from './nats-address.ts'
import type { NatsBrokerOptions } from './nats-broker.ts'
import { type Line, watchLine } from './nats-line.ts'
import { unansweredFor, unreachable } from './nats-trouble.ts'

/** A connection that reconnects for ever, and what all verbs do on it. */
export interface Connection {
  readonly nc: NatsConnection
  readonly line: Line
  readonly acks: Acks
  /** A subject of our own for answers. */
  inbox(): string
  /** Runs one request; whatever goes wrong is told as an outage, with what was asked and what would help. */
  ask<T>(what: string, request: () => Promise<T>): Promise<T>
}

export async function openConnection(
  address: ReturnType<typeof readNatsAddress>,
  options: Pick<NatsBrokerOptions, 'connection'> & { readonly timeoutMs: number },
): Promise<Connection> {
  const nc = await connect({
    name: 'commitcast',
    timeout: options.timeoutMs,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    // A connection that a NAT forgot is cut when two pings went unanswered: within 15 s.
    pingInterval: 5_000,
    ...address,
    ...options.connection,
    maxReconnectAttempts: -1,
    // The default gives up for good at the second refusal; a user may be let in again.
    ignoreAuthErrorAbort: true,
  }).catch((error: unknown) => {
    throw unreachable(String(address.servers), error)
  })
  const line = watchLine(nc)
  const inbox = () => createInbox(options.connection?.inboxPrefix)
  return {
    nc,
    line,
    acks: createAcks({ nc, line, inbox: inbox(), timeoutMs: options.timeoutMs }),
    inbox,
    async ask(what, request) {
      line.check()
      const { promise: cut, reject } = Promise.withResolvers<never>()
      const off = line.onCut(reject)
      try {
        return await Promise.race([request(), cut])
      } catch (error) {
        throw error instanceof BrokerUnavailable ? error : unansweredFor(what, error, line.complaint())
      } finally {
        off()
      }
    },
  }
}
