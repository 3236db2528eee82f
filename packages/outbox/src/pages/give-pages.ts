import type { Lease, Sql } from '@commitcast/worker'
import { type Page, type PageRow, pageColumns, toPages } from './page.ts'
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
  const rows = await sql.query<PageRow>(`select * from ${schema}.give_pages($1, $2, $3)`, [
    leases.map((lease) => lease.partition),
    leases.map((lease) => lease.term.toString()),
    maxPage,
  ])
  return toPages(rows)
}

/**
 * The function behind `givePages`. Its body is one statement, so that `pg_current_snapshot()` is the very snapshot that it
 * reads by. One event more than fits is looked at, to know whether the window ends with this page. A function, because
 * its plan is kept, and because compiling such a plan (jit) takes longer than running it.
 */
export function givePagesFunction(s: string): string {
  const events = windowEvents(s, {
    partition: 'place.partition',
    from: 'place.from_snapshot',
    fromNext: 'place.from_next',
    to: 'place.to_snapshot',
    floor: 'place.floor',
    after: 'place.after_position',
    limit: '(max_page + 1)',
  })
  return `
create function ${s}.give_pages(partitions smallint[], terms bigint[], max_page int) returns table (${pageColumns})
language plpgsql volatile set jit = off as $$
#variable_conflict use_column
begin
  return query
    with place as materialized (
      select topic.epoch, lease.partition, lease.term,
        coalesce(newest.first_offset + newest.count, 1) as first_offset,
        case when newest.window_done is false then newest.from_snapshot
          else coalesce(newest.to_snapshot, '1:1:') end as from_snapshot,
        case when newest.window_done is false then newest.from_next
          else coalesce(newest.to_next, '1') end as from_next,
        case when newest.window_done is false then newest.to_next end as to_next,
        case when newest.window_done is false then newest.to_snapshot
          else pg_current_snapshot() end as to_snapshot,
        case when newest.window_done is false then newest.floor
          else greatest(newest.floor, newest.last_position, 0) end as floor,
        case when newest.window_done is false then newest.last_position else 0 end as after_position
      from unnest(partitions, terms) as held(partition, term)
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
      select partition, least(count(*), max_page) as count, max(position) filter (where nth <= max_page) as last_position,
        count(*) <= max_page as window_done
      from picked group by partition
    ), given as (
      insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor, after_position, last_position, window_done
      from place join summed using (partition)
      returning set_config('synchronous_commit', 'on', true)
    )
    select epoch, partition, first_offset, nth, ${eventTexts}
    from picked
    where nth <= max_page and (select count(*) from given) > 0
    order by partition, nth;
end $$;`
}
