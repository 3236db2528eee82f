import { type ConnectionOptions, connect, createInbox, type NatsConnection } from 'nats'
import { BrokerUnavailable } from '../errors.ts'
import { type Acks, createAcks } from './nats-acks.ts'
import type { readNatsAddress } from './nats-address.ts'
import { type ConnectionState, watchConnection } from './nats-connection-state.ts'
import { unansweredFor, unreachable } from './nats-trouble.ts'

/** What an application may set of a connection to NATS. */
export type NatsConnectionOptions = Omit<ConnectionOptions, 'servers' | 'maxReconnectAttempts' | 'ignoreAuthErrorAbort'>

/** A connection that reconnects for ever, and what all verbs do on it. */
export interface Connection {
  readonly nc: NatsConnection
  readonly state: ConnectionState
  readonly acks: Acks
  /** A new subject for answers. */
  inbox(): string
  /** Runs one request; any failure is an outage, whose message says what was asked and how to fix it. */
  ask<T>(what: string, request: () => Promise<T>): Promise<T>
}

export async function openConnection(
  address: ReturnType<typeof readNatsAddress>,
  options: { readonly connection?: NatsConnectionOptions; readonly timeoutMs: number },
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
  const state = watchConnection(nc)
  const inbox = () => createInbox(options.connection?.inboxPrefix)
  return {
    nc,
    state,
    acks: createAcks({ nc, state, inbox: inbox(), timeoutMs: options.timeoutMs }),
    inbox,
    async ask(what, request) {
      state.check()
      const { promise: cut, reject } = Promise.withResolvers<never>()
      const off = state.onCut(reject)
      try {
        return await Promise.race([request(), cut])
      } catch (error) {
        throw error instanceof BrokerUnavailable ? error : unansweredFor(what, error, state.complaint())
      } finally {
        off()
      }
    },
  }
}
