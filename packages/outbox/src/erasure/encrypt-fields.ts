import type { KeyObject } from 'node:crypto'
import {
  InvalidEvent,
  InvalidValue,
  noteTypes,
  type PersonalFields,
  readField,
  restoreTypes,
  type TypeNotes,
  withField,
} from '@commitcast/events'
import { checkSubject } from './check-subject.ts'
import { encryptText } from './field-cipher.ts'
import type { Keys } from './subject-keys.ts'

/** The personal fields of an event's data, taken out of it and encoded. */
export interface TakenFields {
  /** The data without them. */
  readonly rest: unknown
  readonly fields: readonly TakenField[]
}

interface TakenField {
  readonly field: string
  readonly subject: string
  readonly text: string
}

/** Takes the personal fields out of an event's data; `undefined` where none of them is there. Throws `InvalidEvent`. */
export function takeFields(type: string, data: unknown, personal: PersonalFields): TakenFields | undefined {
  let rest = data
  const fields: TakenField[] = []
  for (const [field, subjectField] of Object.entries(personal)) {
    const value = fieldOf(type, data, field)
    if (value === undefined) continue
    const what = `The subject of "${field}", "${subjectField}" of "${type}",`
    const subject = checkSubject(fieldOf(type, data, subjectField), what)
    fields.push({ field, subject, text: encode(type, field, value) })
    rest = withField(rest, field.split('.'), null)
  }
  return fields.length === 0 ? undefined : { rest, fields }
}

function fieldOf(type: string, data: unknown, path: string): unknown {
  try {
    return readField(data, path.split('.'))
  } catch (cause) {
    throw new InvalidEvent(`The data of "${type}" can't be kept: ${(cause as Error).message}.`, { cause })
  }
}

function encode(type: string, field: string, value: unknown): string {
  try {
    return encodeValue(value)
  } catch (cause) {
    if (!(cause instanceof InvalidValue)) throw cause
    throw new InvalidEvent(`The data of "${type}" can't be kept: ${cause.describe(`data.${field}`)}`, { cause })
  }
}

/** The JSON of a value with its type notes: what is encrypted. Throws `InvalidValue`. */
function encodeValue(value: unknown): string {
  return JSON.stringify(noteTypes(value))
}

/** The reverse. */
export function decodeValue(text: string): unknown {
  const { json, notes } = JSON.parse(text) as { readonly json: unknown; readonly notes?: TypeNotes }
  return restoreTypes(json, notes)
}

/** Before the kind, in the name of a field of metadata. */
export const metadataPrefix = 'metadata.'

/** Encrypts an event's metadata of one kind. Throws `InvalidValue` for what would not be read back unchanged. */
export function encryptMetadata(
  value: unknown,
  key: KeyObject,
  { subject, id, kind }: { readonly subject: string; readonly id: string; readonly kind: string },
): string {
  return encryptText(encodeValue(value), key, { subject, id, field: `${metadataPrefix}${kind}` })
}

/** Puts the fields into the JSON of the rest, encrypted. Returns the JSON, and the header `personal`. */
export function encryptFields(
  json: unknown,
  { id, fields, keys }: { readonly id: string; readonly fields: readonly TakenField[]; readonly keys: Keys },
): { readonly json: unknown; readonly personal: string } {
  const bySubject = Map.groupBy(fields, ({ subject }) => subject)
  let encrypted = json
  for (const { field, subject, text } of fields) {
    const path = field.split('.')
    encrypted = withField(encrypted, path, encryptText(text, keys.get(subject)!, { subject, id, field }))
  }
  const paths = [...bySubject].map(([subject, taken]) => [subject, taken.map(({ field }) => field)] as const)
  return { json: encrypted, personal: JSON.stringify(Object.fromEntries(paths)) }
}
