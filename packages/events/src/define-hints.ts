import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describeIssues } from './describe-issues.ts'
import { InvalidHint } from './errors.ts'

/** For each type of hint the schema of its data, any Standard Schema validator. */
export type HintDefinitions = Readonly<Record<string, StandardSchemaV1>>

/** All hints of an app: what is sent to the clients that follow a channel now, and may get lost. */
export interface HintCatalog<TDefinitions extends HintDefinitions = HintDefinitions> {
  readonly definitions: TDefinitions
  /**
   * Checks `data` against the schema of `type` and returns what the schema makes of it.
   * Throws `InvalidHint` for a type that is not in the catalogue and for data that the schema refuses.
   */
  validate(type: string, data: unknown): Promise<unknown>
}

/** A hint as subscribers get it. */
export interface Hint<TType extends string = string, TData = unknown> {
  /** Another one for each hint. */
  readonly id: string
  readonly channel: string
  readonly type: TType
  /** Who sent it, as the application names people. */
  readonly sender: string
  readonly data: TData
}

/** The union of a catalogue's hints, distinguished by `type`. */
export type HintOf<TCatalog extends HintCatalog> = {
  [T in keyof TCatalog['definitions'] & string]: Hint<T, StandardSchemaV1.InferOutput<TCatalog['definitions'][T]>>
}[keyof TCatalog['definitions'] & string]

/** What a caller sends as a hint: the data is the schema's input. */
export type HintInputOf<TCatalog extends HintCatalog> = {
  [T in keyof TCatalog['definitions'] & string]: Omit<
    Hint<T, StandardSchemaV1.InferInput<TCatalog['definitions'][T]>>,
    'id'
  >
}[keyof TCatalog['definitions'] & string]

/** Makes a catalogue of hints, `defineHints({ typing: z.object({}) })`. Browser-safe. */
export function defineHints<const TDefinitions extends HintDefinitions>(
  definitions: TDefinitions,
): HintCatalog<TDefinitions> {
  return Object.freeze({
    definitions,
    async validate(type: string, data: unknown) {
      const schema = Object.hasOwn(definitions, type) ? definitions[type] : undefined
      if (!schema) throw unknownType(type, definitions)
      const result = await schema['~standard'].validate(data)
      if (!result.issues) return result.value
      throw new InvalidHint(`The data of the hint "${type}" does not fit its schema. ${describeIssues(result.issues)}`)
    },
  })
}

function unknownType(type: string, definitions: HintDefinitions): InvalidHint {
  const known = Object.keys(definitions).join(', ')
  return new InvalidHint(
    `The hint ${JSON.stringify(type)} is not in the catalogue (${known}): add it to defineHints(), and give that to createCommitcast as "hints".`,
  )
}
