import type { Msg } from 'nats'
import type { Message } from '../broker.ts'

const expectedSequence = 'Nats-Expected-Last-Sequence'
const ownId = 'Nats-Msg-Id'
const expectedId = 'Nats-Expected-Last-Msg-Id'
const own = new Set([expectedSequence, ownId, expectedId, 'id', 'key', 'time', 'tx'])

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
export function decodeMessage(msg: Msg, offset: number, typeStart: number): Message | undefined {
  const found = msg.headers
  if (!found || found.get(expectedSequence) !== String(offset - 1)) return undefined
  const rest: Record<string, string> = {}
  for (const name of found.keys()) if (!own.has(name)) rest[name] = decodeValue(found.get(name))
  return {
    offset,
    id: found.get('id'),
    type: msg.subject.slice(typeStart),
    key: decodeValue(found.get('key')),
    time: found.get('time'),
    tx: found.get('tx'),
    headers: rest,
    body: msg.string(),
  }
}

const needsEncoding = /[^\x21-\x7e]|%/

function encodeValue(text: string): string {
  return needsEncoding.test(text) ? encodeURIComponent(text) : text
}

function decodeValue(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text
}
