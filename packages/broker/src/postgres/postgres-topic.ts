import type { Message, Topic } from '../broker.ts'
import { findBadHeader } from '../check-headers.ts'
import { checkOffsets, checkPartition } from '../check-place.ts'
import { AppendConflict } from '../errors.ts'
import { beginRows, readFirst } from './postgres-begin.ts'
import type { Parts } from './postgres-parts.ts'
import { readRows } from './postgres-read.ts'
import { createTrim } from './postgres-trim.ts'
import { isTaken } from './postgres-trouble.ts'

/** A topic in Postgres; see the port for what each verb promises. */
export function createTopic(parts: Parts): Topic {
  const { topic, schema, query } = parts
  const at = (partition: number) => [topic.name, topic.epoch, checkPartition(partition, topic)]
  const appends = new Map<number, Promise<unknown>>()
  const trim = createTrim(parts)

  return {
    ...topic,
    // A value may have 1 GB.
    maxMessageBytes: undefined,
    async last(partition) {
      const { rows } = await query<{ offset: string; id: string }>(
        `select "offset", id from ${schema}.message
         where topic = $1 and epoch = $2 and partition = $3 order by "offset" desc limit 1`,
        at(partition),
      )
      return rows[0] && { offset: Number(rows[0].offset), id: rows[0].id }
    },
    first: (partition) => readFirst(parts, at(partition)),
    begin: (partition, after) => beginRows(parts, { place: at(partition), after }),
    append(partition, after, messages) {
      const before = appends.get(partition) ?? Promise.resolve()
      const appended = before
        .catch(() => {})
        .then(async () => {
          checkOffsets(after, messages)
          await append(parts, { place: at(partition), after, messages })
          trim(partition)
        })
      appends.set(partition, appended)
      return appended
    },
    read: (partition, after, options) => readRows(parts, { place: at(partition), partition, after }, options),
  }
}

/**
 * One statement: nothing is inserted unless the row before is there, or, for offset 1, none at all, and the primary key
 * refuses what is there.
 */
async function append(
  { topic, schema, query, watch }: Parts,
  { place, after, messages }: { place: readonly unknown[]; after: number; messages: readonly Message[] },
): Promise<void> {
  if (messages.length === 0) return
  const refusal = findBadHeader(messages)
  if (refusal) throw refusal
  const partition = Number(place[2])
  const end = after + messages.length
  const appended = query(
    `with appended as (
       insert into ${schema}.message (topic, epoch, partition, "offset", id, type, key, time, tx, headers, body)
       select $1, $2, $3, m.* from json_to_recordset($5) as m("offset" bigint, id text, type text, key text, time text,
         tx text, headers json, body text)
       where exists (
           select from ${schema}.message where topic = $1 and epoch = $2 and partition = $3 and "offset" = $4::bigint)
         or ($4::bigint = 0 and not exists (
           select from ${schema}.message where topic = $1 and epoch = $2 and partition = $3))
       returning 1)
     select count(*)::int as count, set_config('synchronous_commit', 'on', true), pg_notify('${schema}', $6)
     from appended having count(*) > 0`,
    [...place, after, JSON.stringify(messages), watch.payload(topic, partition, end)],
  )
  const { rowCount } = await appended.catch((error) => {
    if (isTaken(error)) throw AppendConflict.at(topic.name, partition, after, { cause: error })
    throw error
  })
  if (rowCount === 0) throw AppendConflict.at(topic.name, partition, after)
  watch.grown(topic, partition, end)
}
