import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describeIssues } from './describe-issues.ts'
import { InvalidEvent } from './errors.ts'
import type { EventCatalog } from './event-catalog.ts'
import type { EventDefinitions } from './event-definition.ts'
import type { CheckedVersions } from './event-versions.ts'
import { type CheckedPersonal, checkPersonal } from './personal-fields.ts'
import { reservedPrefix } from './placeholder.ts'
import { createUpcast } from './upcast.ts'

const typePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const maxTypeLength = 200

/**
 * Makes a catalogue. Browser-safe. Throws `InvalidEvent` at once for a name that could not be a subject on every broker, or
 * is reserved; for a version without a step from each one before it; and for personal fields of which one is part of another.
 */
export function defineEvents<const TDefinitions extends EventDefinitions>(
  definitions: TDefinitions &
    CheckedVersions<TDefinitions> & { readonly [T in keyof TDefinitions]: CheckedPersonal<TDefinitions[T]> },
): EventCatalog<TDefinitions> {
  for (const type of Object.keys(definitions)) checkTypeName(type)
  checkPersonal(definitions)
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
