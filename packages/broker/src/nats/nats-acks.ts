import type { Msg, NatsConnection } from 'nats'
import { BrokerUnavailable } from '../errors.ts'
import type { ConnectionState } from './nats-connection-state.ts'
import { complaintText } from './nats-trouble.ts'

/** Waits for acknowledgements: one subscription for all appends of a connection. */
export interface Acks {
  expect(): Expected
}

interface Expected {
  readonly reply: string
  readonly answer: Promise<Msg>
  /** The answer is not waited for any more. */
  forget(): void
}

export interface AcksOptions {
  readonly nc: NatsConnection
  /** The subject below which answers come. */
  readonly inbox: string
  readonly timeoutMs: number
  readonly state: ConnectionState
}

export function createAcks({ nc, state, inbox, timeoutMs }: AcksOptions): Acks {
  const waiting = new Map<string, { resolve(msg: Msg): void; reject(error: Error): void }>()
  let count = 0
  nc.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (!error) waiting.get(msg.subject)?.resolve(msg)
    },
  })
  state.onCut((error) => {
    for (const { reject } of waiting.values()) reject(error)
  })

  return {
    expect() {
      const reply = `${inbox}.${++count}`
      const { promise: answer, resolve, reject } = Promise.withResolvers<Msg>()
      const settle = (act: () => void) => {
        clearTimeout(timer)
        waiting.delete(reply)
        act()
      }
      const timer = setTimeout(() => {
        const words = `NATS did not acknowledge an append within ${timeoutMs} ms.${complaintText(state.complaint())}`
        settle(() => reject(new BrokerUnavailable(words, { because: 'unresponsive' })))
      }, timeoutMs)
      waiting.set(reply, {
        resolve: (msg) => settle(() => resolve(msg)),
        reject: (error) => settle(() => reject(error)),
      })
      return { reply, answer, forget: () => settle(() => {}) }
    },
  }
}
