import type { StandardSchemaV1 } from '@standard-schema/spec'

/** By schema version, the function that makes data of that version into data of the next. */
type UpcastSteps = Readonly<Record<number, (data: never) => unknown>>

/** By personal field, the field that holds the id of its subject. */
export type PersonalFields = Readonly<Record<string, string>>

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
  /**
   * The personal fields, each with the field that holds the id of its subject: `{ name: 'customerId', 'address.street': 'customerId' }`.
   * `append` encrypts them with the subject's key; once the subject is erased, readers get `Erased`. A path leads through plain
   * objects. The subject, the event's key and its channels stay readable: they must not be personal themselves.
   */
  readonly personal?: PersonalFields
}

/** Event types by name. A name is in the past tense, words joined by dots: `order.placed`. */
export type EventDefinitions = Readonly<Record<string, EventDefinition>>
