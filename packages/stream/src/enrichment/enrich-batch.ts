import type { Message } from '@commitcast/broker'
import { decodeEvent, encodeLiveMessage, isPlaceholder } from '@commitcast/events'
import { type Enrichment, lookUp } from './enrichment.ts'

/** Makes the live messages of a batch: one for each, in its order, at its offset. */
export async function enrichBatch(
  batch: readonly Message[],
  { enrichment, ...place }: { epoch: number; partition: number; enrichment: Enrichment },
): Promise<Message[]> {
  const real = batch.filter((message) => !isPlaceholder(message))
  const events = real.map((message) => decodeEvent(message, place))
  const metadata = await lookUp(events, enrichment)
  const live = real.map((message, index) =>
    encodeLiveMessage(message, { metadata: metadata[index]!, channels: enrichment.channels(events[index]!) }),
  )
  // A placeholder becomes a filler: its offset counts, nobody hears of it.
  let next = 0
  return batch.map((message) =>
    isPlaceholder(message) ? encodeLiveMessage(message, { metadata: {}, channels: [] }) : live[next++]!,
  )
}
