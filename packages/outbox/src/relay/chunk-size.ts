import type { Message } from '@commitcast/events'

/** Messages in one acknowledged chunk. More gained nothing here. */
export const maxChunk = 500
/** A chunk ends with the message that brings its bodies to so many characters. */
const fullChunkLength = 1_000_000

/** How many of the first of these messages make the next chunk; 0 only where there are none. */
export function chunkSize(messages: readonly Message[]): number {
  const end = Math.min(messages.length, maxChunk)
  let length = 0
  for (let size = 0; size < end; size++) {
    length += messages[size]!.body.length
    if (length >= fullChunkLength) return size + 1
  }
  return end
}
