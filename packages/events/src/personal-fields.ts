import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Erased } from './erased.ts'
import { InvalidEvent } from './errors.ts'
import type { EventDefinition, EventDefinitions, PersonalFields } from './event-definition.ts'

/** What readers get as the data of a definition: the schema's output, where each personal field may be erased. */
export type DataOf<TDefinition extends EventDefinition> = TDefinition extends {
  readonly personal: infer TPersonal extends PersonalFields
}
  ? Erasable<StandardSchemaV1.InferOutput<TDefinition['data']>, keyof TPersonal & string>
  : StandardSchemaV1.InferOutput<TDefinition['data']>

/** What the personal fields of a catalogue's definitions have to be: paths of their data, and each subject a text or a number. */
export type CheckedPersonal<TDefinition extends EventDefinition> = TDefinition extends {
  readonly personal: infer TPersonal extends PersonalFields
}
  ? { readonly personal: CheckedFields<StandardSchemaV1.InferOutput<TDefinition['data']>, TPersonal> }
  : unknown

type CheckedFields<TData, TPersonal extends PersonalFields> = {
  readonly [TPath in keyof TPersonal & string]: [ValueAt<TData, TPath>] extends [never]
    ? never
    : IsId<ValueAt<TData, TPersonal[TPath]>> extends true
      ? TPersonal[TPath]
      : never
}

type IsId<TValue> = [TValue] extends [never] ? false : [TValue] extends [string | number] ? true : false

/** What is at a path; `never` where nothing is. */
type ValueAt<TData, TPath extends string> = TData extends unknown
  ? TPath extends keyof TData
    ? TData[TPath]
    : TPath extends `${infer TName}.${infer TRest}`
      ? TName extends keyof TData
        ? ValueAt<NonNullable<TData[TName]>, TRest>
        : never
      : never
  : never

type Erasable<TData, TPaths extends string> = {
  [TName in keyof TData]: TName extends TPaths
    ? TData[TName] | Erased
    : [Below<TPaths, TName>] extends [never]
      ? TData[TName]
      : Erasable<TData[TName], Below<TPaths, TName>>
}

/** The rest of the paths that begin with a name. */
type Below<TPaths extends string, TName> = TName extends string
  ? TPaths extends `${TName}.${infer TRest}`
    ? TRest
    : never
  : never

/** Throws `InvalidEvent` for personal fields of which one is within another, or holds a subject. */
export function checkPersonal(definitions: EventDefinitions): void {
  for (const [type, { personal = {} }] of Object.entries(definitions)) {
    const fields = Object.keys(personal)
    for (const field of fields) {
      const inside = [...fields.filter((other) => other !== field), ...Object.values(personal)].find(
        (path) => path === field || path.startsWith(`${field}.`),
      )
      if (inside === undefined) continue
      throw new InvalidEvent(
        `"${inside}" of "${type}" is part of the personal field "${field}": a subject must stay readable, and a field is encrypted once. ` +
          'Take one of them out of "personal".',
      )
    }
  }
}
