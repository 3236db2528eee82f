import { createMetadataEncoder, type EncodedMetadata } from './encode-metadata.ts'
import { UnreadableEvent } from './errors.ts'
import type { CommittedEvent, LiveEvent } from './event.ts'
import { decodeHeaders, type Message, parseBody, restoreValue } from './message.ts'
import { noteTypes } from './type-notes.ts'

export interface LiveParts {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly channels: readonly string[]
  /** Default none. */
  readonly failed?: readonly string[]
  /** The database's timeline under which the event was verified. Default 1: it has never failed over. */
  readonly timeline?: number | undefined
  /** By subject, the kinds whose metadata is ciphertext. Default none. */
  readonly personal?: ReadonlyMap<string, readonly string[]> | undefined
  /** The metadata, where it is encoded already: an encoder shares work among the messages of a batch. */
  readonly encoded?: EncodedMetadata
}

/**
 * The live message of an event: the same offset, id and headers; the body holds the event's data as it was and the
 * metadata beside it. Metadata that would not be read back unchanged counts as failed. Without channels it is a filler, which
 * keeps the offsets gapless.
 */
export function encodeLiveMessage(message: Message, parts: LiveParts): Message {
  const { metadata, channels, timeline, personal, encoded } = parts
  if (channels.length === 0) return toFiller(message)
  const { json, notes, refused } = encoded ?? createMetadataEncoder()(metadata)
  const failed = refused ? [...new Set([...(parts.failed ?? []), ...refused.keys()])] : (parts.failed ?? [])
  return {
    ...message,
    headers: {
      // A reader looks for the header of the data alone.
      ...(personal && { personal: '{}', 'metadata-personal': JSON.stringify(Object.fromEntries(personal)) }),
      ...message.headers,
      channels: JSON.stringify(channels),
      ...timelineHeader(timeline),
      ...(notes !== undefined && { 'metadata-notes': notes }),
      ...(failed.length > 0 && { failed: JSON.stringify(failed) }),
    },
    body: `{"data":${message.body},"metadata":${json}}`,
  }
}

/**
 * The live message of an event that can't be read: whom it is for, and that it is unreadable. Of what it holds nothing goes
 * out. Without channels it is a filler.
 */
export function toUnreadable(message: Message, channels: readonly string[], timeline?: number): Message {
  if (channels.length === 0) return toFiller(message)
  const headers = { channels: JSON.stringify(channels), ...timelineHeader(timeline), unreadable: 'true' }
  return { ...message, headers, body: '{"data":null,"metadata":{}}' }
}

function timelineHeader(timeline = 1): Message['headers'] {
  return timeline > 1 ? { timeline: String(timeline) } : {}
}

/** The database's timeline under which a live message was made. Throws `UnreadableEvent` for what no stream worker writes. */
export function liveTimelineOf(message: Message): number {
  const { timeline = '1' } = message.headers
  if (!/^\d{1,10}$/.test(timeline)) throw new UnreadableEvent(`its header "timeline" is ${timeline}.`, message)
  return Number(timeline)
}

/** What is at the offset of an event without channels. */
export function toFiller(message: Message): Message {
  return { ...message, headers: {}, body: '{}' }
}

/**
 * A live message with its metadata left out; all kinds of it count as failed. For one that is too large with it. The data stays
 * as it is, character by character: JSON may hold numbers that JavaScript would round.
 */
export function withoutMetadata(message: Message): Message {
  const { metadata } = JSON.parse(message.body) as { metadata: object }
  const { failed: before, 'metadata-notes': _, 'metadata-personal': _personal, ...headers } = message.headers
  const failed = new Set([...parseFailed(before), ...Object.keys(metadata)])
  const tail = `,"metadata":${JSON.stringify(metadata)}}`
  return {
    ...message,
    headers: { ...headers, ...(failed.size > 0 && { failed: JSON.stringify([...failed]) }) },
    body: `${message.body.slice(0, -tail.length)},"metadata":{}}`,
  }
}

/** A message of an events topic with the data and schema version of an event that was upcast from it. */
export function restateMessage(message: Message, { data, headers }: CommittedEvent): Message {
  const { json, notes } = noteTypes(data)
  const { version: _version, notes: _notes, ...rest } = message.headers
  const { schemaVersion = 1 } = headers
  return {
    ...message,
    headers: {
      ...rest,
      ...(schemaVersion !== 1 && { version: String(schemaVersion) }),
      ...(notes && { notes: JSON.stringify(notes) }),
    },
    body: JSON.stringify(json),
  }
}

/** The channels of a live message; none for a filler. */
export function channelsOf(message: Message): readonly string[] {
  const channels = message.headers.channels
  return channels === undefined ? [] : (JSON.parse(channels) as string[])
}

/**
 * The reverse of `encodeLiveMessage` for a message that is not a filler. Throws `UnreadableEvent` for one that says so, and
 * for what no stream worker writes.
 */
export function decodeLiveEvent(message: Message, place: { epoch: number; partition: number }): LiveEvent {
  const { notes, 'metadata-notes': metadataNotes, failed, unreadable } = message.headers
  if (unreadable !== undefined) throw new UnreadableEvent('the stream worker could not read it.', message)
  const body = parseBody(message) as { data: unknown; metadata: unknown } | null
  const metadata = restoreValue(message, { name: 'metadata', json: body?.metadata, notes: metadataNotes })
  return {
    id: message.id,
    type: message.type,
    key: message.key,
    data: restoreValue(message, { name: 'data', json: body?.data, notes }),
    metadata: metadata as LiveEvent['metadata'],
    ...(failed !== undefined && { failed: parseFailed(failed) }),
    headers: decodeHeaders(message),
    epoch: place.epoch,
    partition: place.partition,
    offset: message.offset,
    tx: message.tx,
  }
}

function parseFailed(text: string | undefined): readonly string[] {
  return text === undefined ? [] : (JSON.parse(text) as string[])
}
