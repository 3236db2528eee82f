import { lastAssigned } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** How far a consumer group is in one partition. */
export interface GroupStatus {
  readonly group: string
  readonly partition: number
  readonly epoch: number
  /** The last offset that is done. */
  readonly offset: number
  /** How many events have an offset and are not done. */
  readonly lag: number
  /** How long ago the oldest of them got its offset, in milliseconds; null where there is none. */
  readonly oldestMs: number | null
  /** Its parked events. */
  readonly parked: number
  /** The worker that has it; null where none has. */
  readonly owner: string | null
}

/** Reads how far all consumer groups are, by group and partition. */
export async function readGroups(sql: Sql, schema: string): Promise<readonly GroupStatus[]> {
  return sql.query<GroupStatus>(groupsSql(schema))
}

function groupsSql(s: string): string {
  return `
    with at as (
      select distinct on (group_name, partition) group_name, partition, epoch, "offset" from ${s}.group_offset
      order by group_name, partition, number desc
    )
    select at.group_name as "group", at.partition::int, at.epoch, at."offset"::float8 as "offset", rest.lag::float8,
      case when rest.lag > 0 then
        round(extract(epoch from clock_timestamp() - coalesce((
          select assigned_at from (
            select assigned_at, first_offset + count as next from ${s}.page
            where page.epoch = at.epoch and page.partition = at.partition and first_offset <= at."offset" + 1
            order by first_offset desc limit 1
          ) as page where next > at."offset" + 1
        ), (
          select assigned_at from ${s}.page
          where page.epoch > at.epoch and page.partition = at.partition and first_offset > 0
          order by page.epoch, first_offset limit 1))) * 1000)::float8 end as "oldestMs",
      (select count(*)::int from ${s}.parked where parked.group_name = at.group_name and parked.partition = at.partition) as parked,
      (select owner from ${s}.lease
        where lease.group_name = at.group_name and lease.partition = at.partition
          and owner in (select owner from ${s}.active_members(at.group_name))) as owner
    from at cross join lateral (
      select greatest(0, sum(${lastAssigned(s, 'number', 'at.partition')}) - at."offset") as lag
      from ${s}.topic, generate_series(at.epoch, topic.epoch) as number
    ) as rest
    order by at.group_name, at.partition`
}
