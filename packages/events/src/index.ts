export type { StandardSchemaV1 } from '@standard-schema/spec'
export type { BreaksOldEvents } from './breaks-old-events.ts'
export { checkChannels } from './check-channels.ts'
export { pathText } from './check-value.ts'
export type { CommandIds, CommandInput } from './command.ts'
export { CommitcastError } from './commitcast-error.ts'
export { type Cursor, decodeCursor, encodeCursor } from './cursor.ts'
export { type ChannelDefinitions, type ChannelId, type Channels, defineChannels } from './define-channels.ts'
export { defineEvents } from './define-events.ts'
export {
  defineHints,
  type Hint,
  type HintCatalog,
  type HintDefinitions,
  type HintInputOf,
  type HintOf,
} from './define-hints.ts'
export { createMetadataEncoder, type EncodedMetadata, type EncodeMetadata } from './encode-metadata.ts'
export type { Envelope, EnvelopeOf, ResyncReason, Unreadable } from './envelope.ts'
export { type Erased, erased, isErased } from './erased.ts'
export {
  InvalidChannel,
  InvalidEvent,
  InvalidHint,
  InvalidValue,
  NewerVersion,
  UnreadableEvent,
  UpcastFailed,
} from './errors.ts'
export type { CommittedEvent, EventHeaders, EventPlace, LiveEvent } from './event.ts'
export type { EventCatalog, EventDataOf, EventInputOf, EventOf, EventTypeOf, LiveEventOf } from './event-catalog.ts'
export type { EventDefinition, EventDefinitions, PersonalFields } from './event-definition.ts'
export { readField, withField } from './field-path.ts'
export type { LiveInput } from './live-input.ts'
export {
  channelsOf,
  decodeLiveEvent,
  encodeLiveMessage,
  type LiveParts,
  liveTimelineOf,
  restateMessage,
  toFiller,
  toUnreadable,
  withoutMetadata,
} from './live-message.ts'
export {
  decodeData,
  decodeEvent,
  decodeHeaders,
  eventHeaderNames,
  type Message,
  type StoredEvent,
} from './message.ts'
export { isPlaceholder, isReserved, reservedPrefix, timeoutType, toPlaceholder } from './placeholder.ts'
export { isVisible, parseSnapshot, type Snapshot } from './snapshot.ts'
export {
  decodeNoted,
  encodeNoted,
  type Noted,
  type NotedText,
  noteTypes,
  restoreTypes,
  type TypeNotes,
} from './type-notes.ts'
export type { Upcast } from './upcast.ts'
