import type { Topic } from '@commitcast/broker'
import { type Logger, type Sql, sleep } from '@commitcast/worker'
import { deleteOldAnswers } from '../answers/delete-old-answers.ts'
import { segmentAt } from '../functions/around-append.ts'
import { EventsGone, readPages } from '../pages/read-pages.ts'
import { retireEvents } from '../retention/retire-events.ts'

export interface SegmentsOptions {
  readonly sql: Sql
  readonly schema: string
  readonly topic: Topic
  /** How long events stay after their day has ended. Default 7 days; `Infinity` keeps them. */
  readonly retentionMs?: number
  /** How often to look whether a day's segment is missing. Default 60,000. */
  readonly segmentCheckMs?: number
  readonly logger: Logger
  readonly signal: AbortSignal
}

const hourMs = 3_600_000

/**
 * Once an hour: makes the segments of the coming days, so that writers always find one; retires old ones, and commands' old
 * answers. In between it looks whether one is missing, because it was dropped or the clock went back.
 */
export async function keepSegments(options: SegmentsOptions): Promise<void> {
  const { sql, schema, signal, segmentCheckMs = 60_000 } = options
  while (!signal.aborted) {
    await sql.query(`select ${schema}.create_segments(2)`)
    await retireOldDays(options)
    await forgetOldAnswers(options)
    const until = performance.now() + hourMs * (0.9 + Math.random() * 0.2)
    while (!signal.aborted && performance.now() < until) {
      await sleep(segmentCheckMs, signal)
      if (!signal.aborted) await sql.query(makeMissing(schema))
    }
  }
}

function makeMissing(schema: string): string {
  const [today, tomorrow] = ['clock_timestamp()', "clock_timestamp() + interval '1 day'"]
  return `select ${schema}.create_segments(2) where ${segmentAt(schema, today)} is null or ${segmentAt(schema, tomorrow)} is null`
}

/** What is in the way of retiring is said and tried again in an hour; nothing else waits for it. */
async function retireOldDays({ sql, schema, topic, retentionMs, logger, signal }: SegmentsOptions): Promise<void> {
  try {
    const { segments, waiting } = await retireEvents(sql, {
      schema,
      signal,
      storedUpTo: (partition) => storedUpTo({ sql, schema, topic }, partition),
      ...(retentionMs !== undefined && { keepMs: retentionMs }),
    })
    if (segments.length > 0) logger.info({ segments }, 'expired segments dropped')
    if (waiting.length > 0)
      logger.warn({ code: 'SEGMENTS_WAIT', waiting }, 'expired segments are still in use; retrying in 1 h')
  } catch (error) {
    logger.warn({ code: 'SEGMENTS_NOT_DROPPED', err: error }, 'could not drop expired segments; retrying in 1 h')
  }
}

async function forgetOldAnswers({ sql, schema, logger, signal }: SegmentsOptions): Promise<void> {
  try {
    await deleteOldAnswers(sql, { schema, signal })
  } catch (error) {
    logger.warn({ code: 'ANSWERS_NOT_DELETED', err: error }, 'could not delete old answers; retrying in 1 h')
  }
}

/** Where the broker's newest message is the event that the page log gave that offset to; 0 where it is another. */
async function storedUpTo(
  { sql, schema, topic }: Pick<SegmentsOptions, 'sql' | 'schema' | 'topic'>,
  partition: number,
): Promise<number> {
  const last = await topic.last(partition)
  if (!last) return 0
  // A broker that keeps nothing so old any more had it once.
  if (last.id === '') return last.offset
  try {
    const [page] = await readPages(sql, { schema, epoch: topic.epoch, partition, after: last.offset - 1, maxBytes: 1 })
    return page?.messages[0]?.id === last.id ? last.offset : 0
  } catch (error) {
    // An earlier call, which knew that they were stored, has taken them.
    if (error instanceof EventsGone) return last.offset
    throw error
  }
}
