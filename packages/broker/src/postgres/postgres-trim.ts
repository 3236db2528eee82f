import type { Parts } from './postgres-parts.ts'

const trimEveryMs = 600_000
const rowsAtOnce = 1_000

/**
 * Returns the function that is called after each append to a partition: every ten minutes it removes what is older than
 * `maxAgeMs`, never the newest message, in this and in the topic's earlier epochs. An earlier epoch's newest message says where
 * it ended. It walks the primary key from the oldest message on, some rows in each statement, up to the
 * first that is kept, so that no hole can come to be. A failure is a warning, `BROKER_TRIM_FAILED`, and the next try comes in ten minutes.
 */
export function createTrim(parts: Parts): (partition: number) => void {
  const { topic, closed, maxAgeMs, logger } = parts
  const due = new Map<number, number>()
  return (partition) => {
    const now = Date.now()
    if (now < (due.get(partition) ?? now) || !Number.isFinite(maxAgeMs)) return
    due.set(partition, now + trimEveryMs)
    trimAll(parts, partition).catch((err: unknown) => {
      if (closed.aborted) return
      const details = { code: 'BROKER_TRIM_FAILED', topic: topic.name, partition, err }
      logger.warn(details, 'could not remove old messages; retrying in ten minutes')
    })
  }
}

async function trimAll(parts: Parts, partition: number): Promise<void> {
  const { topic } = parts
  let epoch: number | undefined = topic.epoch
  while (epoch !== undefined) {
    await trimLog(parts, [topic.name, epoch, partition])
    epoch = await epochBefore(parts, epoch)
  }
}

async function epochBefore({ topic, schema, query }: Parts, epoch: number): Promise<number | undefined> {
  const { rows } = await query<{ epoch: number }>(
    `select epoch from ${schema}.message where topic = $1 and epoch < $2 order by epoch desc limit 1`,
    [topic.name, epoch],
  )
  return rows[0]?.epoch
}

async function trimLog({ schema, query, closed, maxAgeMs }: Parts, place: readonly unknown[]): Promise<void> {
  const of = 'topic = $1 and epoch = $2 and partition = $3'
  for (let after = 0; !closed.aborted; ) {
    const { rows } = await query<{ count: number; last: number | null }>(
      `with next as materialized (
         select "offset", stored_at from ${schema}.message where ${of} and "offset" > $4 order by "offset" limit $5
       ), bound as materialized (
         select least(
           (select min("offset") from next where stored_at >= clock_timestamp() - make_interval(secs => $6 / 1000.0)),
           (select "offset" from ${schema}.message where ${of} order by "offset" desc limit 1)) as "offset"
       ), gone as (
         delete from ${schema}.message where ${of} and "offset" > $4
           and "offset" = any(array(select "offset" from next where "offset" < (select "offset" from bound)))
         returning "offset"
       ) select count(*)::int as count, max("offset")::float8 as last from gone`,
      [...place, after, rowsAtOnce, maxAgeMs],
    )
    const [gone] = rows
    if (!gone || gone.count < rowsAtOnce || gone.last === null) return
    after = gone.last
  }
}
