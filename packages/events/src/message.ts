import type { CommittedEvent, EventHeaders } from './event.ts'
import { restoreTypes, type TypeNotes } from './type-notes.ts'

/**
 * An event on the wire. `body` is plain JSON that any language can read; `headers` holds only what is present:
 * `version` (the schema's, where it is not 1), `correlation`, `causation`, `trace`, `actor`, `notes` (superjson's type
 * notes), and on a live topic `channels`.
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

/** The headers that an event may have on the wire beside the envelope's own; others are not carried. */
export const eventHeaderNames = ['version', 'correlation', 'causation', 'trace', 'actor', 'notes'] as const

/** Reads a message of an events topic back into the event that was appended. */
export function decodeEvent(message: Message, place: { epoch: number; partition: number }): CommittedEvent {
  return {
    id: message.id,
    type: message.type,
    key: message.key,
    data: restoreTypes(JSON.parse(message.body), parseNotes(message.headers.notes)),
    headers: decodeHeaders(message),
    epoch: place.epoch,
    partition: place.partition,
    offset: message.offset,
    tx: message.tx,
  }
}

/** The event headers of a message, named as in code. */
export function decodeHeaders(message: Message): EventHeaders {
  const { version, correlation, causation, trace, actor } = message.headers
  return {
    time: message.time,
    ...(version !== undefined && { schemaVersion: parseVersion(version) }),
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(causation !== undefined && { causationId: causation }),
    ...(trace !== undefined && { trace }),
    ...(actor !== undefined && { actor }),
  }
}

/** `NaN` for what is no version: an event of a type that nobody here knows passes with it. */
function parseVersion(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

function parseNotes(text: string | undefined): TypeNotes | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as TypeNotes)
}
