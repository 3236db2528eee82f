import type { CommittedEvent } from './event.ts'
import { decodeHeaders, type Message } from './message.ts'
import { noteTypes, restoreTypes } from './type-notes.ts'

/** A live message taken apart: the event with its metadata, and who follows it. */
export interface LiveEvent extends CommittedEvent {
  readonly metadata: Readonly<Record<string, unknown>>
}

/**
 * The live message of an event: the same offset, id and headers; the body holds the event's data as it was and the
 * metadata beside it. Without channels it is a filler, which keeps the offsets gapless.
 */
export function encodeLiveMessage(
  message: Message,
  { metadata, channels }: { metadata: Readonly<Record<string, unknown>>; channels: readonly string[] },
): Message {
  if (channels.length === 0) return { ...message, headers: {}, body: '{}' }
  const { json, notes } = noteTypes(metadata)
  return {
    ...message,
    headers: {
      ...message.headers,
      channels: JSON.stringify(channels),
      ...(notes && { 'metadata-notes': JSON.stringify(notes) }),
    },
    body: `{"data":${message.body},"metadata":${JSON.stringify(json)}}`,
  }
}

/** The channels of a live message; none for a filler. */
export function channelsOf(message: Message): readonly string[] {
  const channels = message.headers.channels
  return channels === undefined ? [] : (JSON.parse(channels) as string[])
}

/** The reverse of `encodeLiveMessage` for a message that is not a filler. */
export function decodeLiveEvent(message: Message, place: { epoch: number; partition: number }): LiveEvent {
  const body = JSON.parse(message.body) as { data: unknown; metadata: unknown }
  const { notes, 'metadata-notes': metadataNotes } = message.headers
  return {
    id: message.id,
    type: message.type,
    key: message.key,
    data: restoreTypes(body.data, notes === undefined ? undefined : JSON.parse(notes)),
    metadata: restoreTypes(
      body.metadata,
      metadataNotes === undefined ? undefined : JSON.parse(metadataNotes),
    ) as LiveEvent['metadata'],
    headers: decodeHeaders(message),
    epoch: place.epoch,
    partition: place.partition,
    offset: message.offset,
    tx: message.tx,
  }
}
