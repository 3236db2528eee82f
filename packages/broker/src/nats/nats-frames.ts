import { headers, type NatsConnection } from 'nats'
import type { Message } from '../broker.ts'
import { MessageRefused } from '../errors.ts'
import { headerLines, type Link } from './nats-headers.ts'

/** A message on its way to the server: its subject, and where to answer, if anywhere. */
export interface Outgoing {
  readonly message: Message
  readonly subject: string
  readonly reply: string | undefined
  /** Whether it names itself and, but for the first of a chunk, the one before it. */
  readonly link?: Link
}

/** Anything else would end the line that it stands in. */
const isWord = /^[\w-]+(\.[\w-]+)*$/

/**
 * Sends messages in one go. The client's `publish` encodes several small pieces per message; writing the protocol's own
 * lines (`HPUB`, docs.nats.io, "NATS Protocol") as one text for all of them costs a fraction of that. Where the client
 * does not offer its raw line, it is `publish`. Throws `MessageRefused` before anything is sent.
 */
export function sendAll(nc: NatsConnection, outgoing: readonly Outgoing[]): void {
  const limit = nc.info?.max_payload ?? Number.POSITIVE_INFINITY
  const { protocol } = nc as { protocol?: { sendCommand?(bytes: Uint8Array): void } }
  if (nc.isClosed() || typeof protocol?.sendCommand !== 'function') {
    for (const each of outgoing) publish(nc, each)
    return
  }
  let text = ''
  for (const { message, subject, reply, link } of outgoing) {
    const head = `NATS/1.0\r\n${headerLines(message, link)}\r\n`
    const length = head.length + Buffer.byteLength(message.body)
    if (length > limit) throw MessageRefused.tooLarge(message, length, limit)
    if (!isWord.test(message.type)) throw MessageRefused.badType(message)
    const to = reply === undefined ? subject : `${subject} ${reply}`
    text += `HPUB ${to} ${head.length} ${length}\r\n${head}${message.body}\r\n`
  }
  protocol.sendCommand(Buffer.from(text))
}

function publish(nc: NatsConnection, { message, subject, reply, link }: Outgoing): void {
  const encoded = headers()
  for (const line of headerLines(message, link).trimEnd().split('\r\n')) {
    const colon = line.indexOf(':')
    encoded.set(line.slice(0, colon), line.slice(colon + 2))
  }
  nc.publish(subject, message.body, reply === undefined ? { headers: encoded } : { headers: encoded, reply })
}
