import { createBackoff } from '@commitcast/worker'
import { type Message, type ReadOptions, readDefaults } from '../broker.ts'
import { BrokerUnavailable, Diverged, OffsetGone } from '../errors.ts'
import { isBeginning, readFirst } from './postgres-begin.ts'
import type { Parts } from './postgres-parts.ts'
import { isGone } from './postgres-trouble.ts'

interface From {
  readonly place: readonly unknown[]
  readonly partition: number
  readonly after: number
}

/** Reads rows in order, from history into the live tail; woken by the watch where there are no more. */
export async function* readRows(
  parts: Parts,
  from: From,
  { signal, onOutage, ...options }: ReadOptions,
): AsyncGenerator<readonly Message[]> {
  const { topic, watch, closed } = parts
  const limits = { ...readDefaults, ...options }
  const end = AbortSignal.any([signal, closed])
  const watched = watch.enter(topic, from.partition, end)
  const backoff = createBackoff({ firstMs: 100, maxMs: 2_000 })
  let isOut = false
  try {
    for (let next = from.after; !end.aborted; ) {
      try {
        const batch = await readBatch(parts, { ...from, after: next }, limits)
        next += batch.length
        if (isOut) onOutage?.()
        isOut = false
        backoff.reset()
        if (batch.length > 0) yield batch
        else await watched.wait(next)
      } catch (error) {
        if (!(error instanceof BrokerUnavailable)) throw error
        if (isGone(error)) throw new Diverged(error.message, { cause: error })
        isOut = true
        onOutage?.(error)
        await backoff.wait(end)
      }
    }
  } finally {
    watched.leave()
  }
}

/**
 * What comes next without a hole; nothing where there is no more. Postgres knows how long a text is without unpacking it, so
 * what is over the limit is not even read.
 */
async function readBatch(
  parts: Parts,
  { place, partition, after }: From,
  { maxBatch, maxBytes }: typeof readDefaults,
): Promise<readonly Message[]> {
  const { schema, query } = parts
  const { rows } = await query<Row>(
    `select "offset", id, type, key, time, tx, headers::text, body from (
       select *, sum(octet_length(body)) over (order by "offset" rows between unbounded preceding and 1 preceding) as before
       from (
         select * from ${schema}.message where topic = $1 and epoch = $2 and partition = $3 and "offset" > $4
         order by "offset" limit $5
       ) as next
     ) as sized where before is null or before < $6 order by "offset"`,
    [...place, after, maxBatch, maxBytes],
  )
  const found = rows.map(toMessage)
  const hole = found.findIndex((message, index) => message.offset !== after + 1 + index || isBeginning(message))
  if (hole === 0) await explainHole(parts, { place, partition, missing: after + 1 })
  return hole < 0 ? found : found.slice(0, hole)
}

/** What is missing at the front was trimmed; what is missing inside was deleted by hand. */
async function explainHole(
  { topic, schema, query }: Parts,
  { place, partition, missing }: { place: readonly unknown[]; partition: number; missing: number },
): Promise<never> {
  const where = `${topic.name}, partition ${partition},`
  const first = await readFirst({ schema, query }, place)
  if (first > missing) throw new OffsetGone(`${where} is kept from offset ${first} on; ${missing} is gone.`)
  throw new Diverged(
    `${where} has no message at offset ${missing}: it was deleted from ${schema}.message. ` +
      'Put it back, or begin a new topic epoch.',
    { offset: missing },
  )
}

interface Row {
  readonly offset: string
  readonly id: string
  readonly type: string
  readonly key: string
  readonly time: string
  readonly tx: string
  readonly headers: string
  readonly body: string
}

function toMessage(row: Row): Message {
  return { ...row, offset: Number(row.offset), headers: row.headers === '{}' ? {} : JSON.parse(row.headers) }
}
