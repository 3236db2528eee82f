import { Diverged, endOf } from '@commitcast/broker'
import { isPlaceholder, type Message } from '@commitcast/events'
import { flushWal, sleep } from '@commitcast/worker'
import { readEpochEnd } from '../epoch/epoch-end.ts'
import { readAssigned } from '../pages/read-assigned.ts'
import { EventsGone, readNext } from '../pages/read-pages.ts'
import { beginLog } from './begin-log.ts'
import type { LogOf, PartitionOf } from './partition-of.ts'
import { type Stored, settleNotes } from './settle-notes.ts'

export interface FindEndOptions {
  /** The highest offset that this process has seen acknowledged. */
  readonly acknowledged: number
  /** How many messages may have been in flight, so how much is read back. */
  readonly maxInFlight: number
  /** How long a broker that says less than it acknowledged is given to find the rest. */
  readonly lostTailMs: number
}

/**
 * After any doubt (start, take-over, time-out, conflict): asks the broker where the partition ends, reads back what may be
 * in doubt, and compares ids with the page log. Throws `Diverged` where an offset holds another event than it was given
 * to. A broker that lost its tail is waited for; after that the relay refills it. One that has
 * nothing begins with what the outbox still has.
 */
export async function findEnd(of: PartitionOf, options: FindEndOptions): Promise<number> {
  const end = await beginLog(of, await settledEnd(of, options))
  if (end === 0) return 0
  const { stored, assigned } = await compareTail(of, end, options.maxInFlight)
  await settleNotes(of, stored, assigned)
  if (assigned.some((message) => message.offset > end)) {
    of.logger.info({ partition: of.partition, after: end }, 'continues inside a page')
  }
  return end
}

/**
 * Compares the last messages up to `end` with what the page log assigned, a batch at a time, and returns both without the
 * events' data. Throws `Diverged`.
 */
export async function compareTail(of: LogOf, end: number, count: number) {
  const { sql, schema, topic, partition } = of
  const at = { schema, epoch: topic.epoch, partition }
  const after = Math.max(0, end - count, (await topic.first(partition)) - 1)
  const [assigned, last] = await Promise.all([readAssigned(sql, { ...at, after, end }), readEpochEnd(sql, at)])
  const ids = new Map(assigned.map(({ offset, id }) => [offset, id]))
  const stored: Stored[] = []
  for await (const messages of readBack(of, after, end)) {
    for (const message of messages) {
      compare(of, message, { ids, last })
      stored.push({ offset: message.offset, isPlaceholder: isPlaceholder(message) })
    }
  }
  return { stored, assigned }
}

const pollMs = 500

async function settledEnd({ topic, partition, logger, signal }: PartitionOf, options: FindEndOptions): Promise<number> {
  const { acknowledged, lostTailMs } = options
  let end = await endOf(topic, partition)
  for (let since = Date.now(); end < acknowledged && Date.now() - since < lostTailMs && !signal.aborted; ) {
    await sleep(pollMs, signal)
    const now = await endOf(topic, partition)
    if (now !== end) since = Date.now()
    end = now
  }
  if (end < acknowledged)
    logger.warn({ code: 'BROKER_LOST_MESSAGES', partition, after: end, acknowledged }, 'refilling what the broker lost')
  return end
}

async function* readBack({ topic, partition, signal }: LogOf, after: number, end: number) {
  if (after >= end) return
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(30_000)])
  for await (const batch of topic.read(partition, after, { signal: bounded })) {
    yield batch.filter((message) => message.offset <= end)
    if (batch.at(-1)!.offset >= end) return
  }
}

/**
 * Retention takes pages from the oldest on and never the newest. So an offset that no page holds was retired, unless it is
 * above the last one: then it was never assigned.
 */
function compare(
  { topic, partition }: LogOf,
  { offset, id }: Message,
  { ids, last }: { readonly ids: ReadonlyMap<number, string>; readonly last: number },
): void {
  const due = ids.get(offset)
  const isRetired = due === undefined && offset <= last
  if (due === id || isRetired) return
  const ours =
    due === undefined ? `the outbox assigned the offsets up to ${last}` : `the outbox assigned it to event ${due}`
  throw new Diverged(
    `Offset ${offset} of ${topic.name}, partition ${partition}, holds event ${id} on the broker; ${ours}. ` +
      'Another program wrote to the topic, or the database is an older copy of the one that filled it. ' +
      `"commitcast topic new-epoch --from ${topic.epoch}" continues without it.`,
    { offset },
  )
}

/**
 * The given messages that the broker lacks, a piece of a page at a time. What another relay gave may not have been flushed
 * before it vanished, so one commit of our own, which waits for the disk, comes first (P1).
 */
export async function* missingMessages(
  { sql, schema, topic, partition }: LogOf,
  after: number,
): AsyncGenerator<readonly Message[]> {
  await flushWal(sql)
  for (let next = after; ; ) {
    const messages = await readNext(sql, { schema, epoch: topic.epoch, partition, after: next })
    if (!messages[0]) return
    if (messages[0].offset !== next + 1) {
      throw new EventsGone(
        `${topic.name}, partition ${partition}, ends at offset ${next} on the broker, and the outbox has only what follows ` +
          `${messages[0].offset - 1}. "commitcast topic new-epoch --from ${topic.epoch}" continues without the rest. Where ` +
          `no reader needs the old log of epoch ${topic.epoch}, delete it on the broker: it then begins with what the outbox has.`,
      )
    }
    next += messages.length
    yield messages
  }
}
