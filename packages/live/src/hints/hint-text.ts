import { type Hint, noteTypes, restoreTypes, type TypeNotes } from '@commitcast/events'

type Written = Omit<Hint, 'data'> & { readonly json: unknown; readonly notes?: TypeNotes }

/** A hint as it goes over the broker: JSON, with notes on what JSON has no type for. */
export function writeHint({ data, ...rest }: Hint): string {
  const written: Written = { ...rest, ...noteTypes(data) }
  return JSON.stringify(written)
}

/** The reverse of `writeHint`; `undefined` for a text of another program. Never throws. */
export function readHint(text: string): Hint | undefined {
  try {
    const { id, channel, type, sender, json, notes } = JSON.parse(text) as Written
    const isOurs = [id, channel, type, sender].every((part) => typeof part === 'string') && idPattern.test(id)
    return isOurs ? { id, channel, type, sender, data: restoreTypes(json, notes) } : undefined
  } catch {
    return undefined
  }
}

/** It becomes a part of a cursor. */
const idPattern = /^[\w-]{1,64}$/
