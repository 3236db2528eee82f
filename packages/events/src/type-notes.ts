import { SuperJSON } from 'superjson'
import { isReserved, kindOfValue, type Unkept } from './check-value.ts'
import { InvalidValue } from './errors.ts'
import { findDifference } from './find-difference.ts'

/** Our own: what an application registers with the global one, another process may not have registered. */
const superjson = new SuperJSON()

/** superjson's notes on values that JSON has no type for (Date, Map, BigInt, …). */
export type TypeNotes = NonNullable<ReturnType<typeof superjson.serialize>['meta']>

/** A value taken apart: what `JSON.stringify` makes a text of, and the notes to restore it. */
export interface Noted {
  readonly json: unknown
  readonly notes?: TypeNotes
}

/**
 * Splits a value into JSON and, only where it holds more than JSON can say, the notes to restore it. Throws `InvalidValue`
 * for what would not be read back unchanged: a Buffer, a function, an instance of a class, an invalid Date.
 */
export function noteTypes(value: unknown): Noted {
  const dates = datesOfRow(value)
  if (dates) return dates.length === 0 ? { json: value } : { json: value, notes: notesOf(dates) }
  const kind = kindOfValue(value)
  if (kind === 'plain') return { json: value }
  if (kind !== 'typed') throw new InvalidValue(kind)
  return noteAndCompare(value)
}

/** The reverse of `noteTypes`. Takes `json` over: it may be changed in place. Throws for notes that are none of this JSON. */
export function restoreTypes(json: unknown, notes: TypeNotes | undefined): unknown {
  return notes === undefined ? json : superjson.deserialize({ json: json as never, meta: notes }, { inPlace: true })
}

/** A value as tables keep it: its JSON, and its type notes, null where it needs none. */
export interface NotedText {
  readonly json: string
  readonly notes: string | null
}

/** The texts of a value. Throws `InvalidValue` for what would not be read back unchanged. */
export function encodeNoted(value: unknown): NotedText {
  const { json, notes } = noteTypes(value)
  return { json: JSON.stringify(json ?? null), notes: notes === undefined ? null : JSON.stringify(notes) }
}

/** The reverse. */
export function decodeNoted({ json, notes }: NotedText): unknown {
  return restoreTypes(JSON.parse(json), notes === null ? undefined : (JSON.parse(notes) as TypeNotes))
}

/** superjson has corners of its own (NaN in a typed array), so what it made is read back and compared. */
function noteAndCompare(value: unknown): Noted {
  const { json, meta } = superjson.serialize(value)
  // Its notes on values that stand at several places are left out: they are read back as equal ones.
  const noted: Noted = meta?.values === undefined ? { json } : { json, notes: { values: meta.values, v: 1 } }
  const difference = findUnkept(value, noted)
  if (difference) throw new InvalidValue(difference)
  return noted
}

function findUnkept(value: unknown, { json, notes }: Noted): Unkept | undefined {
  try {
    return findDifference(value, restoreTypes(JSON.parse(JSON.stringify(json)), notes))
  } catch (cause) {
    throw new InvalidValue({ path: [], what: 'a value that can not be read back' }, { cause })
  }
}

/**
 * The names of a flat row's Dates; `undefined` for what is no flat row of texts, numbers, booleans and Dates. superjson makes
 * the same of one, and brings it back equal; walking each row of each batch with it would cost more than all the rest.
 */
function datesOfRow(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return undefined
  const dates: string[] = []
  const row = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(row)) {
    const field = row[name]
    if (isReserved(name)) return undefined
    if (field === null || typeof field === 'string' || typeof field === 'boolean') continue
    if (typeof field === 'number' && Number.isFinite(field) && !Object.is(field, -0)) continue
    if (!isDate(field) || Number.isNaN(field.getTime())) return undefined
    dates.push(name)
  }
  return dates
}

function isDate(value: unknown): value is Date {
  return value instanceof Date && Object.getPrototypeOf(value) === Date.prototype
}

function notesOf(dates: readonly string[]): TypeNotes {
  return { values: Object.fromEntries(dates.map((name) => [escapePath(name), ['Date']])), v: 1 } as TypeNotes
}

/** superjson's paths are joined by dots. */
export function escapePath(name: string): string {
  return name.replace(/\\/g, '\\\\').replace(/\./g, '\\.')
}
