import type { LiveInput } from '@commitcast/events'
import { isPlainObject } from './is-plain-object.ts'

/**
 * A subscription's input as it is sent: it has room for the cursor from the first time on, so that a server which can't take
 * one back refuses at once, and not when the connection fails. A plain object gets a field more, everything else travels
 * inside, and so does an object with a field `lastEventId` of its own, because tRPC writes the cursor there.
 */
export function withCursor(input: unknown, cursor: string | undefined): LiveInput {
  const carried = cursor === undefined ? {} : { lastEventId: cursor }
  if (isPlainObject(input) && !Object.hasOwn(input, 'lastEventId')) return { ...input, '~live': {}, ...carried }
  return { '~live': { args: input === undefined ? [] : [input] }, ...carried }
}
