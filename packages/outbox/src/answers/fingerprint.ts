import { createHash } from 'node:crypto'
import { noteTypes } from '@commitcast/events'

/** A short text that is equal for equal values, of all types that events can have; keys in the order that they have. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(noteTypes(value)))
    .digest('base64url')
}
