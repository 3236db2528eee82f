import { Diverged, endOf, type Topic } from '@commitcast/broker'
import type { Message } from '@commitcast/events'
import { flushWal, type Logger, type Sql, sleep } from '@commitcast/worker'
import { readEpochEnd } from '../epoch/epoch-end.ts'
import { EventsGone, readPages } from '../pages/read-pages.ts'
import { beginLog } from './begin-log.ts'
import { settleNotes } from './settle-notes.ts'

/** One partition, in the outbox and on the broker. */
export interface LogOf {
  readonly sql: Sql
  readonly schema: string
  readonly topic: Topic
  readonly partition: number
  readonly signal: AbortSignal
}

export interface PartitionOf extends LogOf {
  /** That of this relay's lease. */
  readonly term: bigint
  /** The database's server, as it was before anything was asked of the broker. */
  readonly server: string
  readonly logger: Logger
}

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
 * to. A broker that lost its tail is waited for; after that it is refilled, by whoever goes on from here. One that has
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
 * Reads the last messages up to `end` back and compares them with what the outbox still holds of them, which it returns
 * as `assigned`. Throws `Diverged`.
 */
export async function compareTail(of: LogOf, end: number, count: number) {
  const after = Math.max(0, end - count, (await of.topic.first(of.partition)) - 1)
  const [stored, { messages: assigned, last }] = await Promise.all([
    readBack(of, after, end),
    readAssigned(of, after, end),
  ])
  compare(of, stored, { assigned, last })
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
  if (end < acknowledged) logger.warn({ partition, after: end, acknowledged }, 'refills what the broker lost')
  return end
}

async function readBack({ topic, partition, signal }: LogOf, after: number, end: number): Promise<Message[]> {
  const messages: Message[] = []
  if (after >= end) return messages
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(30_000)])
  for await (const batch of topic.read(partition, after, { signal: bounded })) {
    messages.push(...batch)
    if (messages.at(-1)!.offset >= end) break
  }
  return messages.filter((message) => message.offset <= end)
}

/** What the outbox still holds after an offset, to the end of the page that holds `end`, and the last offset that it assigned. */
async function readAssigned({ sql, schema, topic, partition }: LogOf, after: number, end: number) {
  const at = { schema, epoch: topic.epoch, partition }
  const messages: Message[] = []
  for (const page of await pagesBetween(sql, { ...at, after, end })) {
    try {
      const [read] = await readPages(sql, { ...at, after: page.first - 1 })
      messages.push(...read!.messages.filter((message) => message.offset > after))
    } catch (error) {
      if (!(error instanceof EventsGone)) throw error
    }
  }
  return { messages, last: await readEpochEnd(sql, at) }
}

interface Range {
  readonly schema: string
  readonly epoch: number
  readonly partition: number
  readonly after: number
  readonly end: number
}

function pagesBetween(sql: Sql, { schema, epoch, partition, after, end }: Range) {
  return sql.query<{ first: number }>(
    `select first_offset::float8 as first from ${schema}.page
     where epoch = $1 and partition = $2 and first_offset between 1 and $4 and first_offset + count > $3 + 1
     order by first_offset`,
    [epoch, partition, after, end],
  )
}

/**
 * Retention takes pages from the oldest on and never the newest. So an offset that no page holds was retired, unless it is
 * above the last one: then it was never assigned.
 */
function compare(
  { topic, partition }: LogOf,
  stored: readonly Message[],
  { assigned, last }: { readonly assigned: readonly Message[]; readonly last: number },
): void {
  const ids = new Map(assigned.map((message) => [message.offset, message.id]))
  for (const { offset, id } of stored) {
    const due = ids.get(offset)
    const isRetired = due === undefined && offset <= last
    if (due === id || isRetired) continue
    const ours =
      due === undefined ? `the outbox assigned the offsets up to ${last}` : `the outbox assigned it to event ${due}`
    throw new Diverged(
      `Offset ${offset} of ${topic.name}, partition ${partition}, holds event ${id} on the broker; ${ours}. ` +
        'Another program wrote to the topic, or the database is an older copy of the one that filled it. ' +
        `"commitcast topic new-epoch --from ${topic.epoch}" continues without it.`,
      { offset },
    )
  }
}

/**
 * The given messages that the broker lacks, a page at a time. What another relay gave may not have been flushed before it
 * vanished, so one commit of our own, which waits for the disk, comes first (P1).
 */
export async function* missingMessages(
  { sql, schema, topic, partition }: LogOf,
  after: number,
): AsyncGenerator<readonly Message[]> {
  await flushWal(sql)
  for (let next = after; ; ) {
    const [page] = await readPages(sql, { schema, epoch: topic.epoch, partition, after: next })
    if (!page) return
    const messages = page.messages.filter((message) => message.offset > next)
    if (messages[0] && messages[0].offset !== next + 1) {
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
