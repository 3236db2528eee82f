import { noteTypes, type TypeNotes } from './type-notes.ts'

/** Metadata as it stands in a live message: its JSON, and the notes on what JSON has no type for. */
export interface EncodedMetadata {
  readonly json: string
  readonly notes: string | undefined
}

/** Encodes an event's metadata, by kind. */
export type EncodeMetadata = (metadata: Readonly<Record<string, unknown>>) => EncodedMetadata

/**
 * Makes an encoder for the events of one batch, which share what was looked up: each value is encoded once, however many
 * events have it. Don't change a value in between, and don't keep the encoder.
 */
export function createMetadataEncoder(): EncodeMetadata {
  const encoded = new Map<unknown, EncodedValue>()
  const encode = (value: unknown): EncodedValue => {
    const known = encoded.get(value)
    if (known) return known
    const made = encodeValue(value)
    encoded.set(value, made)
    return made
  }
  return (metadata) => {
    let json = ''
    let values: Record<string, unknown> | undefined
    for (const kind of Object.keys(metadata)) {
      const { text, notes } = encode(metadata[kind])
      // Paths to the same value twice would all have to be rewritten.
      if (notes?.referentialEqualities) return encodeWhole(metadata)
      if (text === undefined) continue
      json += `${json === '' ? '' : ','}${JSON.stringify(kind)}:${text}`
      if (notes?.values) values = { ...values, [escapePath(kind)]: notes.values }
    }
    return {
      json: `{${json}}`,
      notes: values && JSON.stringify({ values, v: 1 }),
    }
  }
}

interface EncodedValue {
  /** `undefined` for what JSON leaves out: a function. */
  readonly text: string | undefined
  readonly notes: TypeNotes | undefined
}

function encodeValue(value: unknown): EncodedValue {
  const dates = datesOfRow(value)
  if (dates) return { text: JSON.stringify(value), notes: dates.length === 0 ? undefined : notesOf(dates) }
  const { json, notes } = noteTypes(value)
  return { text: JSON.stringify(json), notes }
}

/**
 * The names of a flat row's Dates; `undefined` for what is no flat row of texts, numbers, booleans and Dates. superjson makes
 * the same of one; walking each row of each batch with it would cost more than all the rest.
 */
function datesOfRow(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return undefined
  const dates: string[] = []
  const row = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(row)) {
    const field = row[name]
    if (field === null || typeof field === 'string' || typeof field === 'boolean') continue
    if (typeof field === 'number' && Number.isFinite(field) && !Object.is(field, -0)) continue
    if (!(field instanceof Date) || Number.isNaN(field.getTime())) return undefined
    dates.push(name)
  }
  return dates
}

function notesOf(dates: readonly string[]): TypeNotes {
  return { values: Object.fromEntries(dates.map((name) => [escapePath(name), ['Date']])), v: 1 } as TypeNotes
}

function encodeWhole(metadata: Readonly<Record<string, unknown>>): EncodedMetadata {
  const { json, notes } = noteTypes(metadata)
  return { json: JSON.stringify(json), notes: notes && JSON.stringify(notes) }
}

/** superjson's paths are joined by dots. */
function escapePath(name: string): string {
  return name.replace(/\\/g, '\\\\').replace(/\./g, '\\.')
}
