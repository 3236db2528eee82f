import type { Sql } from '@commitcast/worker'
import type { Segment } from './segment.ts'

/** How far a partition is stored on the broker. */
export interface StoredUpTo {
  readonly partition: number
  readonly offset: number
}

/**
 * The partitions of which a closed segment holds events that are not stored yet. It is exact, not sampled: windows follow each
 * other without gaps, so the events at or below the end of a window are just those that its `to` snapshot shows. The newest
 * window that is given and stored to its end is taken, and the segment is asked for events which that snapshot does not show,
 * by the two walks that would read the next window: those above the floor, and those of transactions that were running.
 */
export async function unsettledPartitions(
  sql: Sql,
  schema: string,
  { table }: Segment,
  stored: readonly StoredUpTo[],
): Promise<readonly number[]> {
  const rows = await sql.query<{ partition: number }>(unsettledSql(schema, table), [
    stored.map((one) => one.partition),
    stored.map((one) => one.offset),
  ])
  return rows.map((row) => Number(row.partition))
}

/** A page in mid-window counts as its window's beginning. Where nothing is stored, everything is unsettled. */
function unsettledSql(s: string, table: string): string {
  const late = (condition: string) => `(
    select true from ${table} as event where event.partition = settled.partition and ${condition}
      and event.position > settled.restored_up_to limit 1)`
  return `
    with settled as materialized (
      select place as partition, topic.restored_up_to,
        case when page.window_done then page.to_snapshot else coalesce(page.from_snapshot, '1:1:') end as snapshot,
        case when page.window_done then page.to_next else coalesce(page.from_next, '1') end as next,
        case when page.window_done then greatest(page.floor, page.last_position) else coalesce(page.floor, 0) end as floor
      from ${s}.topic
      cross join lateral generate_series(0, topic.partitions - 1) as place
      left join unnest($1::int[], $2::bigint[]) as stored(partition, up_to) on stored.partition = place
      left join lateral (
        select * from ${s}.page
        where page.epoch = topic.epoch and page.partition = stored.partition
          and page.first_offset <= stored.up_to and page.first_offset + page.count - 1 <= stored.up_to
        order by page.first_offset desc limit 1
      ) as page on true
    )
    select partition from settled
    where ${late('event.position > settled.floor')}
      or ${late('event.tx = any (array(select pg_snapshot_xip(settled.snapshot)))')}
      or ${late('event.tx >= pg_snapshot_xmax(settled.snapshot) and event.tx < settled.next')}
    order by partition`
}
