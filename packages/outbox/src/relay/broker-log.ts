import { BrokerUnavailable } from '@commitcast/broker'
import type { Logger } from '@commitcast/worker'

/** Logs, once per outage of the broker, what only an operator can end. */
export interface BrokerLog {
  /** An attempt failed. */
  failed(error: unknown): void
  /** The broker answered, which one without room does, too. */
  answered(): void
  /** The broker stored something. */
  stored(): void
}

/** An election or a restart takes less. */
const unresponsiveAfterMs = 30_000

const words = {
  full: ['BROKER_FULL', 'the broker has no room: make some'],
  unresponsive: [
    'BROKER_UNRESPONSIVE',
    'the broker runs and its logs do not answer: a nats-server whose disk was full needs room, and then a restart',
  ],
} as const

export function createBrokerLog(logger: Logger): BrokerLog {
  let since: number | undefined
  let logged: BrokerUnavailable['because']
  return {
    failed(error) {
      since ??= Date.now()
      if (!(error instanceof BrokerUnavailable) || error.because === undefined || error.because === logged) return
      if (error.because === 'unresponsive' && Date.now() - since < unresponsiveAfterMs) return
      logged = error.because
      const [code, message] = words[error.because]
      logger.error({ code, err: error }, message)
    },
    answered() {
      since = undefined
      if (logged === 'unresponsive') logged = undefined
    },
    stored() {
      since = undefined
      logged = undefined
    },
  }
}
