import { randomUUID } from 'node:crypto'
import type { EventEnvelope } from '../../hub/live-decoder.ts'
import type { EventText, LiveEntry, Serialize } from '../../hub/live-entry.ts'

/**
 * The text of an entry's event, serialised once for all followers whose router has this transformer. `undefined` where
 * the transformer hides the cursor (encrypts, compresses): then there is nothing to share.
 */
export function textOf(entry: LiveEntry, serialize: Serialize): EventText | undefined {
  entry.texts ??= new Map()
  if (!entry.texts.has(serialize)) {
    const text = makeText(entry, serialize)
    entry.texts.set(serialize, text)
    if (text) entry.keeper.grow(entry, text.head.length + text.tail.length)
  }
  return entry.texts.get(serialize)
}

/** Stands where the cursor will; no client can know it. */
const placeholder = `cursor-${randomUUID()}`

/** What the transformer can't write is skipped, as what can't be read is: to throw would end every subscription to it. */
function makeText(
  { envelope, decoder, message, partition, keys }: LiveEntry,
  serialize: Serialize,
): EventText | undefined {
  try {
    return textOfEnvelope(envelope ?? decoder.decode(message, partition, keys), serialize)
  } catch (error) {
    return textOfEnvelope(decoder.skipEvent(message, partition, error), serialize)
  }
}

function textOfEnvelope(envelope: EventEnvelope, serialize: Serialize): EventText | undefined {
  const parts = JSON.stringify(serialize({ id: placeholder, data: envelope })).split(placeholder)
  return parts.length === 2 ? { head: parts[0]!, tail: ownBuffer(`${parts[1]}}}`) } : undefined
}

/** Not cut from the pool that frames are cut from: a frame that waits for a slow client would keep its neighbours, too. */
function ownBuffer(text: string): Buffer {
  const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  buffer.write(text)
  return buffer
}
