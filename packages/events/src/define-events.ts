import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describeIssues } from './describe-issues.ts'
import { InvalidEvent } from './errors.ts'
import type { CheckedVersions, UpcastSteps } from './event-versions.ts'
import { reservedPrefix } from './placeholder.ts'
import { createUpcast, type Upcast } from './upcast.ts'

/** What one event type carries. */
export interface EventDefinition<TSchema extends StandardSchemaV1 = StandardSchemaV1> {
  /** Any Standard Schema validator (zod, valibot, arktype, …) of the present version's data. */
  readonly data: TSchema
  /** The schema version that is appended now: 1, 2, 3, …. Default 1. */
  readonly version?: number
  /**
   * For each earlier version the step to the next: `{ 1: (data: V1) => v2 }`. It gets the data as readers do (a Date is a
   * Date), is synchronous, makes the same of the same each time, and leaves what it is given as it is.
   */
  readonly upcast?: UpcastSteps
}

/** Event types by name. A name is in the past tense, words joined by dots: `order.placed`. */
export type EventDefinitions = Readonly<Record<string, EventDefinition>>

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

/** What readers get as the data of `TType`: the schema's output. */
export type EventDataOf<
  TCatalog extends EventCatalog,
  TType extends EventTypeOf<TCatalog>,
> = StandardSchemaV1.InferOutput<TCatalog['definitions'][TType]['data']>

const typePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const maxTypeLength = 200

/**
 * Makes a catalogue. Browser-safe. Throws `InvalidEvent` at once for a name that could not be a subject on every broker, or
 * is reserved; and for a version without a step from each one before it.
 */
export function defineEvents<const TDefinitions extends EventDefinitions>(
  definitions: TDefinitions & CheckedVersions<TDefinitions>,
): EventCatalog<TDefinitions> {
  for (const type of Object.keys(definitions)) checkTypeName(type)
  return Object.freeze({
    definitions,
    upcast: createUpcast(definitions),
    async validate(type: string, data: unknown) {
      const definition = Object.hasOwn(definitions, type) ? definitions[type] : undefined
      if (!definition) throw unknownType(type, definitions)
      const result = await definition.data['~standard'].validate(data)
      if (result.issues) throw refusedData(type, result.issues)
      return result.value
    },
  })
}

function checkTypeName(type: string): void {
  if (type.startsWith(reservedPrefix)) {
    throw new InvalidEvent(
      `The event type ${JSON.stringify(type)} can't be used: what begins with "${reservedPrefix}" is Commitcast's own. Take another first word.`,
    )
  }
  if (typePattern.test(type) && type.length <= maxTypeLength) return
  throw new InvalidEvent(
    `The event type ${JSON.stringify(type)} can't be used: take words of letters, digits, "_" and "-" joined by dots, ` +
      `at most ${maxTypeLength} characters, for example "order.placed".`,
  )
}

function unknownType(type: string, definitions: EventDefinitions): InvalidEvent {
  const known = Object.keys(definitions).join(', ')
  return new InvalidEvent(
    `The event type ${JSON.stringify(type)} is not in the catalogue (${known}): add it to defineEvents().`,
  )
}

function refusedData(type: string, issues: readonly StandardSchemaV1.Issue[]): InvalidEvent {
  return new InvalidEvent(`The data of "${type}" does not fit its schema. ${describeIssues(issues)}`)
}
