import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { CommittedEvent, LiveEvent } from './event.ts'
import type { EventDefinitions } from './event-definition.ts'
import type { DataOf } from './personal-fields.ts'
import type { Upcast } from './upcast.ts'

/** The catalogue: the only place where an event's type is written. Everything else infers from it. */
export interface EventCatalog<TDefinitions extends EventDefinitions = EventDefinitions> {
  readonly definitions: TDefinitions
  /**
   * Checks `data` against the schema of `type` and returns what the schema makes of it.
   * Throws `InvalidEvent` for a type that is not in the catalogue and for data that the schema refuses.
   */
  validate(type: string, data: unknown): Promise<unknown>
  /**
   * Makes an event of an older schema version one of the present version: its data goes through the steps, and
   * `headers.schemaVersion` says so. Returns the very same object where there is nothing to do: the event is of the present
   * version, or of a type that is not in the catalogue. The result isn't checked by the schema, which may be asynchronous.
   *
   * Throws `NewerVersion` for a version that the catalogue does not know yet, `UpcastFailed` where a step throws or the
   * version is not a whole number from 1 on.
   */
  readonly upcast: Upcast
}

/** The names of a catalogue's event types. */
export type EventTypeOf<TCatalog extends EventCatalog> = keyof TCatalog['definitions'] & string

/** What a caller passes to `append` as the data of `TType`: the schema's input. */
export type EventInputOf<
  TCatalog extends EventCatalog,
  TType extends EventTypeOf<TCatalog>,
> = StandardSchemaV1.InferInput<TCatalog['definitions'][TType]['data']>

/** What readers get as the data of `TType`: the schema's output; a personal field may be `Erased`. */
export type EventDataOf<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog>> = DataOf<
  TCatalog['definitions'][TType]
>

/** The union of a catalogue's events, distinguished by `type`. */
export type EventOf<TCatalog extends EventCatalog, TType extends EventTypeOf<TCatalog> = EventTypeOf<TCatalog>> = {
  [T in TType]: CommittedEvent<T, EventDataOf<TCatalog, T>>
}[TType]

/** The union of a catalogue's events as subscribers get them, distinguished by `type`. */
export type LiveEventOf<TCatalog extends EventCatalog, TMetadata = unknown> = {
  [T in EventTypeOf<TCatalog>]: LiveEvent<T, EventDataOf<TCatalog, T>, TMetadata>
}[EventTypeOf<TCatalog>]
