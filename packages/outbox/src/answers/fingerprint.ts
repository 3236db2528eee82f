import { createHash } from 'node:crypto'
import { InvalidValue, noteTypes } from '@commitcast/events'

/** A short text that is equal for equal values, of all types that events can have; keys in the order that they have. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(textOf(value)).digest('base64url')
}

/** What was asked may hold anything that a client can send; then what JSON makes of it has to do. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(noteTypes(value))
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part)) ?? ''
  }
}
