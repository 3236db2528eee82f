import type { EventCatalog, EventDataOf, EventTypeOf } from './event-catalog.ts'
import type { EventDefinition } from './event-definition.ts'
import type { StepInput, VersionOf, VersionsBefore } from './event-versions.ts'

/**
 * The types of an old catalogue whose events a new catalogue could not read; `never` where it reads all of them. For a test
 * that fails to compile: keep a frozen copy of each catalogue whose events may still be read, and compare.
 *
 * A type breaks where the new catalogue lacks it; has it at the same version, and the old data does not fit what readers
 * now get; has it at a newer version without a step that takes the old data; has it at an older version; or where a
 * version is not a literal, so that the compiler does not know it.
 */
export type BreaksOldEvents<TOld extends EventCatalog, TNew extends EventCatalog> = {
  [T in EventTypeOf<TOld>]: T extends EventTypeOf<TNew> ? (IsRead<TOld, TNew, T> extends true ? never : T) : T
}[EventTypeOf<TOld>]

type IsRead<
  TOld extends EventCatalog,
  TNew extends EventCatalog,
  T extends EventTypeOf<TOld> & EventTypeOf<TNew>,
> = Accepts<
  ReadAs<
    VersionOf<TOld['definitions'][T]>,
    VersionOf<TNew['definitions'][T]>,
    TNew['definitions'][T],
    EventDataOf<TNew, T>
  >,
  EventDataOf<TOld, T>
>

/** What data of an old version has to be for the new catalogue to read it, in a tuple; `undefined` where nothing would do. */
type ReadAs<
  TOldVersion extends number,
  TNewVersion extends number,
  TDefinition extends EventDefinition,
  TData,
> = number extends TOldVersion | TNewVersion
  ? undefined
  : TOldVersion extends TNewVersion
    ? [TData]
    : TOldVersion extends VersionsBefore<TNewVersion>
      ? [StepInput<TDefinition, TOldVersion>]
      : undefined

type Accepts<TReadAs, TOldData> = TReadAs extends [infer TData] ? ([TOldData] extends [TData] ? true : false) : false
