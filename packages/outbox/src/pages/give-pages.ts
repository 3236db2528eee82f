import type { Lease, Sql } from '@commitcast/worker'
import { type Page, type PageRow, toPages } from './page.ts'
import { eventTexts, windowEvents } from './window-events.ts'

/**
 * Gives the next offsets of each leased partition to its next events: at most one page per partition, none where there is
 * nothing new. What is returned is committed and flushed, so that its events are durable, too (P1, P2). Of two relays that
 * give the same offsets one gets a unique violation and has given nothing. A lease of an older term gives nothing.
 */
export async function givePages(
  sql: Sql,
  { schema, leases, maxPage }: { schema: string; leases: readonly Lease[]; maxPage: number },
): Promise<Page[]> {
  const rows = await sql.query<PageRow>(giveStatement(schema), [
    leases.map((lease) => lease.partition),
    leases.map((lease) => lease.term.toString()),
    maxPage,
  ])
  return toPages(rows)
}

/**
 * One statement, so that `pg_current_snapshot()` is the very snapshot that it reads by. One event more than fits is looked
 * at, to know whether the window ends with this page.
 */
function giveStatement(s: string): string {
  const events = windowEvents(s, {
    partition: 'place.partition',
    from: 'place.from_snapshot',
    to: 'place.to_snapshot',
    floor: 'place.floor',
    after: 'place.after_position',
    limit: '($3::int + 1)',
  })
  return `
    with place as materialized (
      select topic.epoch, lease.partition, lease.term,
        coalesce(newest.first_offset + newest.count, 1) as first_offset,
        case when newest.window_done is false then newest.from_snapshot
          else coalesce(newest.to_snapshot, '1:1:') end as from_snapshot,
        case when newest.window_done is false then newest.to_snapshot
          else pg_current_snapshot() end as to_snapshot,
        case when newest.window_done is false then newest.floor
          else greatest(newest.floor, newest.last_position, 0) end as floor,
        case when newest.window_done is false then newest.last_position else 0 end as after_position
      from unnest($1::smallint[], $2::bigint[]) as held(partition, term)
      join ${s}.lease on lease.grp = 'relay' and lease.partition = held.partition and lease.term = held.term
      cross join ${s}.topic
      left join lateral (
        select * from ${s}.page
        where page.epoch = topic.epoch and page.partition = held.partition
        order by first_offset desc limit 1
      ) as newest on true
    ), picked as materialized (
      select place.epoch, place.partition, place.first_offset, event.*,
        row_number() over (partition by place.partition order by event.position) as nth
      from place cross join lateral ${events} as event
    ), summed as (
      select partition, least(count(*), $3::int) as count, max(position) filter (where nth <= $3::int) as last_position,
        count(*) <= $3::int as window_done
      from picked group by partition
    ), given as (
      insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, to_snapshot, floor,
        after_position, last_position, window_done)
      select epoch, partition, first_offset, count, term, from_snapshot, to_snapshot, floor,
        after_position, last_position, window_done
      from place join summed using (partition)
      returning set_config('synchronous_commit', 'on', true)
    )
    select epoch, partition, first_offset, nth, ${eventTexts}
    from picked
    where nth <= $3::int and (select count(*) from given) > 0
    order by partition, nth`
}
