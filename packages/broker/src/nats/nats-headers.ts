import type { Msg } from 'nats'
import type { Message } from '../broker.ts'
import type { HeaderLines } from './nats-header-lines.ts'

const expectedSequence = 'Nats-Expected-Last-Sequence'
const ownId = 'Nats-Msg-Id'
const expectedId = 'Nats-Expected-Last-Msg-Id'

/** A strict chain: the first message of a chunk names itself, the next ones the one before them, too. */
export type Link = 'first' | 'next'

/**
 * A message's headers on the wire. The expected last sequence is both the fence and the message's own word on where it
 * stands: its offset is one more. The type is the end of the subject. Values are percent-encoded where they need it.
 */
export function headerFields(message: Message, link?: Link): readonly (readonly [name: string, value: string])[] {
  const fields: [string, string][] = [
    [expectedSequence, String(message.offset - 1)],
    ['id', encodeValue(message.id)],
    ['key', encodeValue(message.key)],
    ['time', encodeValue(message.time)],
    ['tx', encodeValue(message.tx)],
  ]
  // The offset as name, for an event may come again elsewhere: the server would take it for a repetition.
  if (link !== undefined) fields.push([ownId, String(message.offset)])
  if (link === 'next') fields.push([expectedId, String(message.offset - 1)])
  for (const name in message.headers) fields.push([name, encodeValue(message.headers[name]!)])
  return fields
}

/** The reverse of `headerFields`; `undefined` for a message that none of our writers wrote at `offset`. */
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
