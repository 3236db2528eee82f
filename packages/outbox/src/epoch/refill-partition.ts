import { AppendConflict, Diverged, endOf, type Topic } from '@commitcast/broker'
import type { Sql } from '@commitcast/worker'
import { readTopic } from '../read-topic.ts'
import { beginLog } from '../relay/begin-log.ts'
import { chunkSize } from '../relay/chunk-size.ts'
import { compareTail, missingMessages } from '../relay/find-end.ts'
import type { LogOf } from '../relay/partition-of.ts'
import { maxInFlight } from '../relay/partition-publisher.ts'
import { defaultSchema } from '../schema-name.ts'
import { readEpochEnd } from './epoch-end.ts'

export interface RefillOptions {
  readonly schema?: string
  /** The events topic, in the present epoch or an earlier one. */
  readonly topic: Topic
  readonly partition: number
  readonly signal?: AbortSignal
}

export interface Refilled {
  readonly partition: number
  /** The last offset of the topic's epoch. */
  readonly given: number
  /** How many messages were appended, up to that one. */
  readonly appended: number
  /** The oldest offset that the broker has now. */
  readonly first: number
  /** In an epoch that has ended: how many messages stand behind that offset. They are not of the epoch. */
  readonly behind?: number
}

const maxConflicts = 5

/**
 * Appends to the broker what the page log gave in a topic's epoch and the broker lacks at its end: the same events at the
 * same offsets, each once (P4). A relay does this by itself for the present epoch; the end of an earlier one may be left to
 * this. What stands behind the end of an epoch that has ended is left alone. A relay may be at it at the same time. Throws `Diverged` where the broker holds something else, `EventsGone` where
 * the outbox no longer has what comes next. A hole at the beginning of a broker's log, as its own retention leaves it, is
 * none; a log that holds no message begins with what the outbox still has.
 */
export async function refillPartition(sql: Sql, options: RefillOptions): Promise<Refilled> {
  const { schema = defaultSchema, topic, partition, signal = new AbortController().signal } = options
  const of = { sql, schema, topic, partition, signal }
  const given = await readEpochEnd(sql, { schema, epoch: topic.epoch, partition })
  const hasEnded = (await readTopic(sql, schema)).epoch > topic.epoch
  let appended = 0
  for (let conflicts = 0; ; ) {
    const end = await beginLog(of, await endOf(topic, partition).catch(whereStrayIs))
    const last = Math.min(end, given)
    if (last > 0) await compareTail(of, last, maxInFlight)
    if (end > given && !hasEnded) throw neverGiven(of, { end, given })
    if (end >= given || signal.aborted) {
      const first = await topic.first(partition)
      return { partition, given, appended, first, ...(end > given && { behind: end - given }) }
    }
    try {
      appended += await appendMissing(of, { end, given })
    } catch (error) {
      if (!(error instanceof AppendConflict) || ++conflicts > maxConflicts) throw error
    }
  }
}

/** The last message is another program's: its offset is where the partition ends. */
function whereStrayIs(error: unknown): number {
  if (error instanceof Diverged && error.offset !== undefined) return error.offset
  throw error
}

async function appendMissing(of: LogOf, { end, given }: { end: number; given: number }): Promise<number> {
  let after = end
  for await (const messages of missingMessages(of, end)) {
    for (let rest = messages.filter(({ offset }) => offset <= given); rest.length > 0 && !of.signal.aborted; ) {
      const chunk = rest.slice(0, chunkSize(rest))
      await of.topic.append(of.partition, after, chunk)
      after += chunk.length
      rest = rest.slice(chunk.length)
    }
    if (of.signal.aborted || after >= given) break
  }
  return after - end
}

/** Where retention has taken the page log of the end, too, there was nothing to compare with. */
function neverGiven({ topic, partition }: { topic: Topic; partition: number }, at: { end: number; given: number }) {
  return new Diverged(
    `${topic.name}, epoch ${topic.epoch}, partition ${partition}, ends at offset ${at.end} on the broker; ` +
      `the outbox gave ${at.given}.`,
    { offset: at.given + 1 },
  )
}
