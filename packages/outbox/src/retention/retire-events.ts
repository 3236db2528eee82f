import type { Sql } from '@commitcast/worker'
import { checkCluster } from '../epoch/check-cluster.ts'
import { segmentAt } from '../functions/around-append.ts'
import { readTopic } from '../read-topic.ts'
import { defaultSchema } from '../schema-name.ts'
import { closeSegment } from './close-segment.ts'
import { deleteOldPages } from './delete-old-pages.ts'
import { detachSegment, dropSegment, finalizeSegment } from './detach-segment.ts'
import { findDueSegments, type Segment } from './segment.ts'
import { isHeldUp } from './try-briefly.ts'
import { type StoredUpTo, unsettledPartitions } from './unsettled-partitions.ts'
import { whoHolds } from './who-holds.ts'

export interface RetireOptions {
  readonly schema?: string
  /** How long events stay after their day has ended, at least a day. Default 7 days; `Infinity` keeps them for ever. */
  readonly keepMs?: number
  /** Up to which offset the broker has a partition's messages; 0 where that is in doubt. */
  readonly storedUpTo: (partition: number) => Promise<number>
  /** How long a segment waits for transactions that use the outbox before it is left for the next call. Default 60,000. */
  readonly patienceMs?: number
  /** How many pages are deleted in one commit. Default 5,000. */
  readonly pageBatch?: number
  readonly signal?: AbortSignal
}

/** What a call of `retireEvents` did. */
export interface Retired {
  /** The segments that are gone, oldest first. */
  readonly segments: readonly string[]
  /** The segments that are due and still there, and what they wait for. */
  readonly waiting: readonly { readonly segment: string; readonly because: string }[]
  /** How many pages were deleted. */
  readonly pages: number
}

const dayMs = 86_400_000
const defaultPageBatch = 5_000

/**
 * Retires old events: whole days at a time, oldest first, and then the pages that had them. A day goes only when the page
 * log gave all of its events and the broker has them. Writers never wait for it; what is in its way is waited for briefly
 * and returned. It may be called by many at once and killed anywhere: the next call continues where this one stopped. Needs the
 * right to alter the tables, and a pool of more than one connection.
 */
export async function retireEvents(sql: Sql, options: RetireOptions): Promise<Retired> {
  const { schema = defaultSchema, keepMs = 7 * dayMs, pageBatch = defaultPageBatch, signal } = options
  checkKeepMs('keepMs', keepMs)
  await checkCluster(sql, schema)
  const segments: string[] = []
  const waiting: { segment: string; because: string }[] = []
  for (const segment of await findDueSegments(sql, schema, keepMs)) {
    if (signal?.aborted) break
    const because = await retireSegment(sql, segment, { ...options, schema }).catch(whenElsewhere)
    if (because === undefined) segments.push(segment.name)
    else waiting.push({ segment: segment.name, because })
  }
  let pages = 0
  const topic = await readTopic(sql, schema)
  for (let epoch = 1; epoch <= topic.epoch; epoch++)
    for (let partition = 0; partition < topic.partitions && !signal?.aborted; partition++)
      pages += await deleteOldPages(sql, { schema, epoch, partition, batch: pageBatch, ...(signal && { signal }) })
  return { segments, waiting, pages }
}

/** Throws for a time that events can't be kept for; `name` is what the caller calls it. */
export function checkKeepMs(name: string, keepMs: number): void {
  if (keepMs >= dayMs) return
  throw new RangeError(
    `${name} is ${keepMs}. Events go by whole days: take ${dayMs} (a day) or more, or Infinity to keep them.`,
  )
}

type Options = RetireOptions & { readonly schema: string }

/** Each step leaves its trace in the catalogue, so any of them can be the last of a call. Returns what it waits for. */
async function retireSegment(sql: Sql, segment: Segment, options: Options): Promise<string | undefined> {
  const { schema, patienceMs = 60_000, signal } = options
  const heldBy = async (what: string) => `${what} is held up by ${await whoHolds(sql, schema, segment)}.`
  if (!segment.closed && !(await closeSegment(sql, schema, segment))) return heldBy('Closing it to writers')
  const unsettled = await unsettledPartitions(sql, schema, segment, await askStored(sql, options))
  if (unsettled.length > 0)
    return `The broker does not have all of its events of partition ${unsettled.join(', ')} yet.`
  if (segment.place === 'attached') {
    if (!(await segmentsAreAhead(sql, schema))) return 'The segments of the coming days are not made yet.'
    await detachSegment(sql, segment, { schema, patienceMs, ...(signal && { signal }) })
  }
  const place = await placeNow(sql, segment)
  if (place === 'attached') return heldBy('Detaching it')
  if (place === 'detaching' && !(await finalizeSegment(sql, schema, segment))) return heldBy('Detaching it')
  if (!(await dropSegment(sql, segment))) return heldBy('Dropping it')
  return undefined
}

/** Another caller took the next step of the same segment. */
function whenElsewhere(error: unknown): string {
  if (isHeldUp(error)) return `Another call is at it: ${error.message}.`
  throw error
}

async function askStored(sql: Sql, { schema, storedUpTo }: Options): Promise<readonly StoredUpTo[]> {
  const { partitions } = await readTopic(sql, schema)
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  return Promise.all(all.map(async (partition) => ({ partition, offset: await storedUpTo(partition) })))
}

/** A new segment and one that goes lock each other out for a moment; no writer may need a new one then. */
async function segmentsAreAhead(sql: Sql, schema: string): Promise<boolean> {
  const [row] = await sql.query<{ ahead: boolean }>(
    `select ${segmentAt(schema, "clock_timestamp() + interval '1 hour'")} is not null as ahead`,
  )
  return row?.ahead ?? false
}

async function placeNow(sql: Sql, { table }: Segment): Promise<Segment['place']> {
  const [row] = await sql.query<{ pending: boolean }>(
    'select inhdetachpending as pending from pg_inherits where inhrelid = to_regclass($1)',
    [table],
  )
  if (!row) return 'detached'
  return row.pending ? 'detaching' : 'attached'
}
