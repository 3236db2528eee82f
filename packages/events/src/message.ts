import { kindOfValue, pathText } from './check-value.ts'
import { UnreadableEvent } from './errors.ts'
import type { CommittedEvent, EventHeaders } from './event.ts'
import { restoreTypes, type TypeNotes } from './type-notes.ts'

/**
 * An event on the wire. `body` is plain JSON that any language can read; `headers` holds only what is present:
 * `version` (the schema's, where it is not 1), `correlation`, `causation`, `trace`, `actor`, `notes` (superjson's type
 * notes), `personal` (by subject, the paths of the fields that hold ciphertext), and on a live topic `channels` and `timeline` (the database's, where it is not 1).
 */
export interface Message {
  /** The place in its partition; 1 is the first. The message carries it, so that readers can compare. */
  readonly offset: number
  readonly id: string
  readonly type: string
  readonly key: string
  /** ISO 8601 in UTC. */
  readonly time: string
  /** The transaction's id (xid8) in decimal digits. */
  readonly tx: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What of a message is the event's own, wherever it is stored. */
export type StoredEvent = Pick<Message, 'id' | 'type' | 'key' | 'time' | 'headers' | 'body'>

/** The headers that an event may have on the wire beside the envelope's own; others are not carried. */
export const eventHeaderNames = ['version', 'correlation', 'causation', 'trace', 'actor', 'notes', 'personal'] as const

/**
 * Reads a message of an events topic back into the event that was appended. Throws `UnreadableEvent` for what nothing that
 * was appended looks like: type notes of something else, a version that is none, data that other readers can't serialise.
 */
export function decodeEvent(message: Message, place: { epoch: number; partition: number }): CommittedEvent {
  return {
    id: message.id,
    type: message.type,
    key: message.key,
    data: decodeData(message),
    headers: decodeHeaders(message),
    epoch: place.epoch,
    partition: place.partition,
    offset: message.offset,
    tx: message.tx,
  }
}

/** The data that was appended; throws as `decodeEvent` does. */
export function decodeData(message: StoredEvent): unknown {
  return restoreValue(message, { name: 'data', json: parseBody(message), notes: message.headers.notes })
}

/** The event headers of a message, named as in code. */
export function decodeHeaders(message: StoredEvent): EventHeaders {
  const { version, correlation, causation, trace, actor } = message.headers
  return {
    time: message.time,
    ...(version !== undefined && { schemaVersion: parseVersion(version, message) }),
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(causation !== undefined && { causationId: causation }),
    ...(trace !== undefined && { trace }),
    ...(actor !== undefined && { actor }),
  }
}

/** The JSON of a message's body. Throws `UnreadableEvent` where it is none. */
export function parseBody(message: StoredEvent): unknown {
  try {
    return JSON.parse(message.body)
  } catch (cause) {
    throw new UnreadableEvent(`its body is no JSON: ${String(cause)}.`, { ...message, cause })
  }
}

/** A part of a message's body, and the header with its type notes. */
export interface NotedPart {
  readonly name: 'data' | 'metadata'
  readonly json: unknown
  readonly notes: string | undefined
}

/**
 * Gives a part its types back. Throws `UnreadableEvent` where the notes don't fit, and for what can't be written again: then
 * it is unreadable for every reader, and not only for those that happen to write it.
 */
export function restoreValue(message: StoredEvent, { name, json, notes }: NotedPart): unknown {
  let value: unknown
  try {
    value = restoreTypes(json, notes === undefined ? undefined : (JSON.parse(notes) as TypeNotes))
  } catch (cause) {
    throw new UnreadableEvent(`the type notes do not fit its ${name}: ${String(cause)}.`, { ...message, cause })
  }
  const kind = kindOfValue(value)
  if (typeof kind === 'string') return value
  throw new UnreadableEvent(`${pathText(name, kind.path)} is ${kind.what}.`, message)
}

function parseVersion(text: string, message: StoredEvent): number {
  const version = Number(text)
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(version)) return version
  throw new UnreadableEvent(
    `its header "version" is ${JSON.stringify(text.slice(0, 80))}, and has to be a whole number from 1 on.`,
    message,
  )
}
