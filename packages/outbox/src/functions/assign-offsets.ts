import { fullAnswerBytes, fullPageBytes } from '../pages/assign-offsets.ts'
import { eventSeparator, eventText } from '../pages/page.ts'
import type { SqlFunction } from './sql-function.ts'
import { eventOctets, windowEvents, windowSettings } from './window-events.ts'

/**
 * The function behind `assignOffsets`: one statement, whose own snapshot ends every new window. It finds the newest page of each
 * partition, reads the next events, locks the leases that have any, and inserts their pages. A worker that takes such a lease over
 * waits for this commit, and so finds its pages; a lease that was lost meanwhile assigns nothing. A page is returned as one text, because a row
 * for each event would take the client as long as all the rest. One event more than fits is looked at, to
 * know whether the window ends with this page. A page is full, too, with the event that brings it to so many bytes, unpacked:
 * no process has to hold thousands of large events at once. The pages of one call share what it may return.
 */
export const assignOffsets: SqlFunction = {
  signature: 'assign_offsets(smallint[], bigint[], int, timestamptz)',
  sql: (s) => `
create or replace function ${s}.assign_offsets(partitions smallint[], terms bigint[], max_page int, server_started timestamptz default null)
returns table (epoch int, partition smallint, first_offset bigint, events text, is_cut boolean)
language plpgsql volatile ${windowSettings} set work_mem = '32MB' as $$
#variable_conflict use_column
declare
  max_events int := max_page + 1;
  full_page int := least(${fullPageBytes}, ${fullAnswerBytes} / greatest(1, cardinality(partitions)));
begin
  perform ${s}.check_cluster(server_started);
  perform set_config('synchronous_commit', 'on', true);
  return query
    with bounds as materialized (
      select topic.epoch, lease.partition, lease.term, coalesce(newest.first_offset + newest.count, 1) as next_offset,
        case when newest.window_done is false then newest.from_snapshot else coalesce(newest.to_snapshot, '1:1:') end as from_snapshot,
        case when newest.window_done is false then newest.from_next else coalesce(newest.to_next, '1') end as from_next,
        case when newest.window_done is false then newest.to_snapshot else pg_current_snapshot() end as to_snapshot,
        case when newest.window_done is false then newest.to_next end as to_next,
        case when newest.window_done is false then newest.floor
          else greatest(newest.floor, newest.last_position, 0) end as floor_position,
        case when newest.window_done is false then newest.last_position else topic.restored_up_to end as after_position
      from unnest(partitions, terms) as held(partition, term)
      join ${s}.lease on lease.group_name = 'relay' and lease.partition = held.partition and lease.term = held.term
      cross join ${s}.topic
      left join lateral (
        select * from ${s}.page where page.epoch = topic.epoch and page.partition = held.partition
        order by page.first_offset desc limit 1
      ) as newest on true
      where newest.to_snapshot is null or pg_snapshot_xmax(newest.to_snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
        or ${s}.refuse_older_snapshot(held.partition, newest.to_snapshot, pg_current_snapshot())
    ), run as materialized (
      select epoch, bounds.partition, term, next_offset, run.*
      from bounds cross join lateral (
        select count(*) filter (where fits) as count, max(position) filter (where fits) as last_position,
          bool_and(fits) as all_fit,
          string_agg(${eventText}, ${eventSeparator} order by position) filter (where fits) as events
        from (
          select *, row_number() over earlier <= max_page and coalesce(sum(${eventOctets}) over earlier, 0) < full_page as fits
          from (${windowEvents(s)}) as events
          window earlier as (order by position rows between unbounded preceding and 1 preceding)
        ) as event
      ) as run
      where count > 0
    ), held as materialized (
      select lease.partition from ${s}.lease
      where lease.group_name = 'relay' and (lease.partition, lease.term) in (select partition, term from run)
      order by lease.partition for share
    ), assigned as (
      insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select bounds.epoch, partition, bounds.next_offset, count, bounds.term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position, last_position, all_fit
      from bounds join held using (partition) join run using (partition)
      returning partition
    )
    select epoch, partition, next_offset, events, not all_fit from run join assigned using (partition);
end $$;`,
}
