import type { Message } from './broker.ts'
import { MessageRefused } from './errors.ts'

/** The first message with a header that no broker can be trusted to keep; `undefined` where each can. */
export function findBadHeader(messages: readonly Message[]): MessageRefused | undefined {
  for (const message of messages) {
    const { headers } = message
    for (const name in headers) if (!isKept(headers[name]!)) return MessageRefused.badHeader(message, name)
  }
  return undefined
}

/** One has to encode it, another has to put it into a JSON of Postgres: the same rule for all, so that brokers can be exchanged. */
function isKept(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
