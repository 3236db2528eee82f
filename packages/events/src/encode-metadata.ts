import { InvalidValue } from './errors.ts'
import { escapePath, noteTypes, type TypeNotes } from './type-notes.ts'

/** Metadata as it stands in a live message: its JSON, and the notes on what JSON has no type for. */
export interface EncodedMetadata {
  readonly json: string
  readonly notes: string | undefined
  /** By kind, why it was left out: it would not be read back unchanged. */
  readonly refused?: ReadonlyMap<string, InvalidValue>
}

/** Encodes an event's metadata, by kind. */
export type EncodeMetadata = (metadata: Readonly<Record<string, unknown>>) => EncodedMetadata

/**
 * Makes an encoder for the events of one batch, which share what was looked up: each value is encoded once, however many
 * events have it. Don't change a value in between, and don't keep the encoder.
 */
export function createMetadataEncoder(): EncodeMetadata {
  const encoded = new Map<unknown, EncodedValue | InvalidValue>()
  const encode = (value: unknown): EncodedValue | InvalidValue => {
    const known = encoded.get(value)
    if (known) return known
    const made = encodeValue(value)
    encoded.set(value, made)
    return made
  }
  return (metadata) => {
    let json = ''
    let values: Record<string, unknown> | undefined
    let refused: Map<string, InvalidValue> | undefined
    for (const kind of Object.keys(metadata)) {
      const made = encode(metadata[kind])
      if (made instanceof InvalidValue) {
        refused = (refused ?? new Map()).set(kind, made)
        continue
      }
      json += `${json === '' ? '' : ','}${JSON.stringify(kind)}:${made.text}`
      if (made.notes?.values) values = { ...values, [escapePath(kind)]: made.notes.values }
    }
    return {
      json: `{${json}}`,
      notes: values && JSON.stringify({ values, v: 1 }),
      ...(refused && { refused }),
    }
  }
}

interface EncodedValue {
  readonly text: string
  readonly notes: TypeNotes | undefined
}

function encodeValue(value: unknown): EncodedValue | InvalidValue {
  try {
    const { json, notes } = noteTypes(value)
    return { text: JSON.stringify(json), notes }
  } catch (error) {
    if (error instanceof InvalidValue) return error
    throw error
  }
}
