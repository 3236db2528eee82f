import type { Msg } from 'nats'
import type { Message } from '../broker.ts'
import type { HeaderLines } from './nats-header-lines.ts'

const expectedSequence = 'Nats-Expected-Last-Sequence'
const ownId = 'Nats-Msg-Id'
const expectedId = 'Nats-Expected-Last-Msg-Id'

/** A strict chain: the first message of a chunk names itself, the next ones the one before them, too. */
export type Link = 'first' | 'next'

/**
 * A message's headers on the wire, a line each. The expected last sequence is both the fence and the message's own word on
 * where it stands: its offset is one more. The type is the end of the subject. Values are percent-encoded where they need it.
 */
export function headerLines({ offset, id, key, time, tx, headers }: Message, link?: Link): string {
  let lines =
    `${expectedSequence}: ${offset - 1}\r\nid: ${encodeValue(id)}\r\nkey: ${encodeValue(key)}\r\n` +
    `time: ${encodeValue(time)}\r\ntx: ${encodeValue(tx)}\r\n`
  // The offset as name, for an event may come again elsewhere: the server would take it for a repetition.
  if (link !== undefined) lines += `${ownId}: ${offset}\r\n`
  if (link === 'next') lines += `${expectedId}: ${offset - 1}\r\n`
  for (const name in headers) lines += `${name}: ${encodeValue(headers[name]!)}\r\n`
  return lines
}

/** The reverse of `headerLines`; `undefined` for a message that none of our writers wrote at `offset`. */
export function decodeMessage(
  msg: Msg,
  lines: HeaderLines,
  { offset, typeStart }: { offset: number; typeStart: number },
): Message | undefined {
  let [before, id, key, time, tx] = ['', '', '', '', '']
  const headers: Record<string, string> = {}
  lines.forEach((name, value) => {
    if (name === expectedSequence) before = value
    else if (name === 'id') id = value
    else if (name === 'key') key = decodeValue(value)
    else if (name === 'time') time = value
    else if (name === 'tx') tx = value
    else if (name !== ownId && name !== expectedId) headers[name] = decodeValue(value)
  })
  if (before !== String(offset - 1)) return undefined
  return { offset, id, type: msg.subject.slice(typeStart), key, time, tx, headers, body: msg.string() }
}

const needsEncoding = /[^\x21-\x7e]|%/

function encodeValue(text: string): string {
  return needsEncoding.test(text) ? encodeURIComponent(text) : text
}

function decodeValue(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text
}
