import { type Message, OffsetGone, type ReadOptions, type Topic } from '@commitcast/broker'
import { EventsGone, readNext, tokenOf, type Verified, withoutToken } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

export interface ReadEventsOptions {
  readonly sql: Sql
  readonly schema: string
  /** The app's events, in the present epoch. */
  readonly topic: Topic
  readonly partition: number
  readonly after: number
  /** What is known to be on the broker. */
  readonly verified: Verified
  readonly signal: AbortSignal
  readonly maxBatch: number
  /** As the broker's `read` calls it. */
  readonly onOutage?: ReadOptions['onOutage']
}

/**
 * A partition's events after an offset, in batches of what is there, from history into the live tail. What the broker no
 * longer keeps comes from the outbox, at the same offsets. Ends before a message that is not known to be verified, and when
 * the signal aborts. Throws `EventsGone` where the outbox no longer has them either, and what a broker's `read` throws.
 */
export async function* readEvents(options: ReadEventsOptions): AsyncGenerator<readonly Message[]> {
  const { topic, partition, verified, signal, maxBatch, onOutage } = options
  const reading = { signal, maxBatch, ...(onOutage && { onOutage }) }
  let { after } = options
  while (!signal.aborted) {
    try {
      for await (const batch of topic.read(partition, after, reading)) {
        const known = lengthOfKnown(batch, verified)
        if (known > 0) yield batch.slice(0, known).map(withoutToken)
        if (known < batch.length) return
        after = batch.at(-1)!.offset
      }
      return
    } catch (error) {
      if (!(error instanceof OffsetGone)) throw error
    }
    // What a relay appended behind a verified offset is ours, also where its messages have gone.
    const upTo = Math.min((await topic.first(partition)) - 1, verified.token === null ? verified.upTo : Infinity)
    if (upTo <= after) return
    for await (const batch of readOutbox({ ...options, epoch: topic.epoch, after, upTo })) {
      yield batch
      after = batch.at(-1)!.offset
    }
  }
}

function lengthOfKnown(batch: readonly Message[], { upTo, token }: Verified): number {
  const unknown = batch.findIndex((message) => message.offset > upTo && (token === null || tokenOf(message) !== token))
  return unknown === -1 ? batch.length : unknown
}

export interface ReadOutboxOptions extends Omit<ReadEventsOptions, 'topic' | 'verified'> {
  readonly epoch: number
  /** The last offset that is wanted. */
  readonly upTo: number
}

/** The same from the outbox alone, by the page log, up to an offset. */
export async function* readOutbox(options: ReadOutboxOptions): AsyncGenerator<readonly Message[]> {
  const { sql, schema, epoch, partition, upTo, signal, maxBatch } = options
  let { after } = options
  while (after < upTo && !signal.aborted) {
    const next = await readNext(sql, { schema, epoch, partition, after })
    const wanted = next.filter(({ offset }) => offset <= upTo)
    if (wanted[0]?.offset !== after + 1) {
      throw new EventsGone(`The outbox no longer has offset ${after + 1} of partition ${partition} in epoch ${epoch}.`)
    }
    for (let from = 0; from < wanted.length; from += maxBatch) yield wanted.slice(from, from + maxBatch)
    after = wanted.at(-1)!.offset
  }
}
