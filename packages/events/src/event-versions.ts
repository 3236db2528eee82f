import type { EventDefinition, EventDefinitions } from './event-definition.ts'
import type { DataOf } from './personal-fields.ts'

/**
 * What a catalogue's definitions have to be: for version n there is a step from each version before it, each takes what
 * the one before it returns, and the last returns what readers get: what the schema makes, or `Erased` for a personal field. A version that is not a literal is left to
 * `defineEvents` to check.
 */
export type CheckedVersions<TDefinitions extends EventDefinitions> = {
  readonly [T in keyof TDefinitions]: CheckedVersion<TDefinitions[T], VersionOf<TDefinitions[T]>>
}

/** A definition's schema version: 1 where it says none, `number` where it is not known to the compiler. */
export type VersionOf<TDefinition extends EventDefinition> = TDefinition extends {
  readonly version: infer TVersion extends number
}
  ? TVersion
  : 'version' extends keyof TDefinition
    ? number
    : 1

/** The whole numbers from 1 to below `TVersion`: `1 | 2` for 3. */
export type VersionsBefore<
  TVersion extends number,
  TBefore = never,
  TCount extends readonly unknown[] = [unknown],
> = TCount['length'] extends TVersion
  ? TBefore
  : VersionsBefore<TVersion, TBefore | TCount['length'], [...TCount, unknown]>

/** The data that the step from `TFrom` takes; `unknown` where there is none. */
export type StepInput<TDefinition extends EventDefinition, TFrom extends number> = TDefinition extends {
  readonly upcast: { readonly [From in TFrom]: (data: infer TData) => unknown }
}
  ? TData
  : unknown

type CheckedVersion<TDefinition extends EventDefinition, TVersion extends number> = number extends TVersion
  ? unknown
  : IsNoVersion<TVersion> extends true
    ? { readonly version: never }
    : Checked<TDefinition, VersionsBefore<TVersion>>

type IsNoVersion<TVersion extends number> = `${TVersion}` extends '0' | `-${string}` | `${string}.${string}`
  ? true
  : false

type Checked<TDefinition extends EventDefinition, TBefore> = [TBefore] extends [never]
  ? { readonly upcast?: NoOtherSteps<TDefinition, never> }
  : { readonly upcast: Steps<TDefinition, TBefore> & NoOtherSteps<TDefinition, TBefore> }

type Steps<TDefinition extends EventDefinition, TBefore> = {
  readonly [TFrom in TBefore & number]: (data: never) => StepOutput<TDefinition, TFrom, TBefore>
}

/** What the next step takes; of the last step what readers get. */
type StepOutput<TDefinition extends EventDefinition, TFrom extends number, TBefore> =
  NextVersion<TFrom> extends infer TNext extends number
    ? TNext extends TBefore
      ? StepInput<TDefinition, TNext>
      : DataOf<TDefinition>
    : never

type NextVersion<TVersion extends number, TCount extends readonly unknown[] = []> = TCount['length'] extends TVersion
  ? [...TCount, unknown]['length']
  : NextVersion<TVersion, [...TCount, unknown]>

type NoOtherSteps<TDefinition extends EventDefinition, TBefore> = {
  readonly [TFrom in Exclude<StepsOf<TDefinition>, TBefore | `${TBefore & number}`>]: never
}

type StepsOf<TDefinition extends EventDefinition> = TDefinition extends { readonly upcast: infer TSteps }
  ? keyof TSteps & (number | string)
  : never
