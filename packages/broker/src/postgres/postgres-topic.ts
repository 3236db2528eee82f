import type { Message, ReadOptions, Topic, TopicOptions } from '../broker.ts'
import { checkOffsets } from '../check-append.ts'
import { AppendConflict, BrokerUnavailable, OffsetGone } from '../errors.ts'
import type { Query } from './postgres-broker.ts'
import type { Watch } from './postgres-watch.ts'

interface Parts {
  readonly topic: TopicOptions
  readonly schema: string
  readonly query: Query
  readonly watch: Watch
  readonly closed: AbortSignal
  readonly maxAgeMs: number
}

/** A topic in Postgres; see the port for what each verb promises. */
export function createTopic(parts: Parts): Topic {
  const { topic, schema, query } = parts
  const at = (partition: number) => [topic.name, topic.epoch, checked(partition, topic)]
  const appends = new Map<number, Promise<unknown>>()
  const trim = createTrim(parts)

  return {
    ...topic,
    async last(partition) {
      const { rows } = await query<{ offset: string; id: string }>(
        `select "offset", id from ${schema}.message
         where topic = $1 and epoch = $2 and partition = $3 order by "offset" desc limit 1`,
        at(partition),
      )
      return rows[0] && { offset: Number(rows[0].offset), id: rows[0].id }
    },
    async first(partition) {
      const { rows } = await query<{ first: string | null }>(
        `select min("offset") as first from ${schema}.message where topic = $1 and epoch = $2 and partition = $3`,
        at(partition),
      )
      return Number(rows[0]?.first ?? 1)
    },
    append(partition, after, messages) {
      const before = appends.get(partition) ?? Promise.resolve()
      const appended = before
        .catch(() => {})
        .then(async () => {
          checkOffsets(after, messages)
          await append(parts, { place: at(partition), after, messages })
          void trim(partition).catch(() => {})
        })
      appends.set(partition, appended)
      return appended
    },
    read: (partition, after, options) => read(parts, { place: at(partition), partition, after }, options),
  }
}

function checked(partition: number, topic: TopicOptions): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < topic.partitions) return partition
  throw new RangeError(`${topic.name} has the partitions 0 to ${topic.partitions - 1}, not ${partition}.`)
}

/** One statement: nothing is inserted unless the row before is there, and the primary key refuses what is there. */
async function append(
  { topic, schema, query, watch }: Parts,
  { place, after, messages }: { place: readonly unknown[]; after: number; messages: readonly Message[] },
): Promise<void> {
  if (messages.length === 0) return
  const partition = Number(place[2])
  const end = after + messages.length
  const appended = query(
    `with appended as (
       insert into ${schema}.message (topic, epoch, partition, "offset", id, type, key, time, tx, headers, body)
       select $1, $2, $3, m.* from json_to_recordset($5) as m("offset" bigint, id text, type text, key text, time text,
         tx text, headers json, body text)
       where $4::bigint = 0 or exists (
         select from ${schema}.message where topic = $1 and epoch = $2 and partition = $3 and "offset" = $4::bigint)
       returning 1)
     select count(*)::int as count, set_config('synchronous_commit', 'on', true), pg_notify('${schema}', $6)
     from appended having count(*) > 0`,
    [...place, after, JSON.stringify(messages), watch.word(topic, partition, end)],
  )
  const { rowCount } = await appended.catch((error) => {
    if (error.code === '23505') throw AppendConflict.at(topic.name, partition, after, { cause: error })
    throw error
  })
  if (rowCount === 0) throw AppendConflict.at(topic.name, partition, after)
  watch.grown(topic, partition, end)
}

async function* read(
  parts: Parts,
  { place, partition, after }: { place: readonly unknown[]; partition: number; after: number },
  { signal, maxBatch = 1_000 }: ReadOptions,
): AsyncGenerator<readonly Message[]> {
  const { topic, schema, query, watch, closed } = parts
  const end = AbortSignal.any([signal, closed])
  for (let next = after; !end.aborted; ) {
    try {
      const { rows } = await query<Row>(
        `select "offset", id, type, key, time, tx, headers::text, body from ${schema}.message
         where topic = $1 and epoch = $2 and partition = $3 and "offset" > $4 order by "offset" limit $5`,
        [...place, next, maxBatch],
      )
      const batch = rows.map(toMessage)
      if (batch[0] && batch[0].offset !== next + 1) {
        throw new OffsetGone(
          `${topic.name}, partition ${partition}, is kept from offset ${batch[0].offset} on; ${next + 1} is gone.`,
        )
      }
      next += batch.length
      if (batch.length > 0) yield batch
      else await watch.wait(topic, partition, next, end)
    } catch (error) {
      if (!(error instanceof BrokerUnavailable)) throw error
      await watch.pause(end)
    }
  }
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

const trimEveryMs = 600_000

/** Removes what is older than `maxAgeMs`, every ten minutes of appending, never the newest message. */
function createTrim({ topic, schema, query, maxAgeMs }: Parts): (partition: number) => Promise<void> {
  const due = new Map<number, number>()
  return async (partition) => {
    const now = Date.now()
    const isDue = now >= (due.get(partition) ?? now)
    if (!isDue) return
    due.set(partition, now + trimEveryMs)
    await query(
      `delete from ${schema}.message where topic = $1 and epoch = $2 and partition = $3
         and stored_at < clock_timestamp() - make_interval(secs => $4 / 1000.0)
         and "offset" < (select max("offset") from ${schema}.message where topic = $1 and epoch = $2 and partition = $3)`,
      [topic.name, topic.epoch, partition, maxAgeMs],
    )
  }
}
