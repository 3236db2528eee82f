import { Events, type NatsConnection, type Status } from 'nats'
import { BrokerUnavailable } from '../errors.ts'

/**
 * Whether a connection is up. What is sent while it is cut is lost, and what was asked before gets no answer: both must fail
 * at once, because a time-out takes seconds and says less.
 */
export interface ConnectionState {
  /** Throws `BrokerUnavailable` where the connection is cut. */
  check(): void
  /** Calls back at each cut, until the returned function is called. */
  onCut(listener: (error: BrokerUnavailable) => void): () => void
  /** The last error of the connection: a time-out does not say that a user was refused, or may not publish. */
  complaint(): string | undefined
}

export function watchConnection(nc: NatsConnection): ConnectionState {
  const listeners = new Set<(error: BrokerUnavailable) => void>()
  let isCut = false
  let complaint: string | undefined

  const cutError = () => new BrokerUnavailable(`The connection to NATS is cut${complaint ? `: ${complaint}` : ''}.`)
  const cut = () => {
    isCut = true
    for (const listener of listeners) listener(cutError())
  }
  const watch = async () => {
    for await (const status of nc.status()) {
      if (status.type === Events.Disconnect) cut()
      else if (status.type === Events.Error) complaint = complaintOf(status)
      else if (status.type === Events.Reconnect) {
        isCut = false
        complaint = undefined
      }
    }
    cut()
  }
  void watch()

  return {
    check() {
      if (isCut) throw cutError()
    },
    onCut(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    complaint: () => complaint,
  }
}

function complaintOf({ data, permissionContext: denied }: Status): string {
  return denied ? `this user has no permission for ${denied.operation} of "${denied.subject}"` : String(data)
}
