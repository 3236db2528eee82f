import type { Lease, Sql } from '@commitcast/worker'
import { type Page, type PageRow, pageColumns, toPages } from './page.ts'
import { eventTexts, findWriters, windowEvents, windowSettings, windowVariables } from './window-events.ts'

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
 * The function behind `givePages`. All new windows of a call end with the same snapshot; the statements after it may see
 * more, and leave out what it does not show. First it finds where each partition stands and whether it may have anything;
 * then those with the same window, which are nearly always all, are read and given by one statement. One event more than
 * fits is looked at, to know whether the window ends with this page.
 */
export function givePagesFunction(s: string): string {
  return `
create function ${s}.give_pages(partitions smallint[], terms bigint[], max_page int) returns table (${pageColumns})
language plpgsql volatile ${windowSettings} as $$
#variable_conflict use_column
declare
  this_snapshot pg_snapshot := pg_current_snapshot();
  max_events int := max_page + 1;
  to_next xid8;
  found record;
  seen_window text;
  p smallint[];
  t bigint[];
  o bigint[];
  f bigint[];
  a bigint[];
  e int;${windowVariables}
begin
  perform set_config('synchronous_commit', 'on', true);
  for found in
    select * from (
    select topic.epoch, lease.partition, lease.term, coalesce(newest.first_offset + newest.count, 1) as next_offset,
      newest.window_done is false as goes_on,
      case when newest.window_done is false then newest.from_snapshot else coalesce(newest.to_snapshot, '1:1:') end as from_s,
      case when newest.window_done is false then newest.from_next else coalesce(newest.to_next, '1') end as from_n,
      case when newest.window_done is false then newest.to_snapshot else this_snapshot end as to_s,
      case when newest.window_done is false then newest.to_next end as to_n,
      case when newest.window_done is false then newest.floor
        else greatest(newest.floor, newest.last_position, 0) end as floor_position,
      case when newest.window_done is false then newest.last_position else 0 end as after_position
    from unnest(partitions, terms) as held(partition, term)
    join ${s}.lease on lease.grp = 'relay' and lease.partition = held.partition and lease.term = held.term
    cross join ${s}.topic
    left join lateral (
      select * from ${s}.page where page.epoch = topic.epoch and page.partition = held.partition
      order by page.first_offset desc limit 1
    ) as newest on true
    ) as place order by from_s::text, to_s::text, partition
  loop
    if pg_snapshot_xmax(found.to_s) < pg_snapshot_xmax(found.from_s) then
      raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.',
        found.partition, found.from_s, found.to_s
        using errcode = 'data_exception', hint = 'It was restored from an older copy, or failed over to one.';
    end if;
    if seen_window is distinct from found.from_s::text || ' ' || found.to_s::text then
      ${giveLocked(s)}
      seen_window := found.from_s::text || ' ' || found.to_s::text;
      from_snapshot := found.from_s;
      from_next := found.from_n;
      to_snapshot := found.to_s;
      to_next := found.to_n;
      writers := (${findWriters(s)});
      p := '{}'; t := '{}'; o := '{}'; f := '{}'; a := '{}';
      e := found.epoch;
    end if;
    -- Asked for in order, so that it is an index walk: for an EXISTS the planner would start reading the whole table.
    if cardinality(writers) > 0 or (
      select position from ${s}.outbox
      where partition = found.partition and position > greatest(found.floor_position, found.after_position)
      order by position limit 1) is not null
    then
      p := p || found.partition;
      t := t || found.term;
      o := o || found.next_offset;
      f := f || found.floor_position;
      a := a || found.after_position;
    end if;
  end loop;
  ${giveLocked(s)}
end $$;`
}

/**
 * Whoever takes a lease over has to wait for this commit, and so finds its pages; a lease that was lost meanwhile gives
 * nothing. Locked only where there is something to give, in the order in which leases are renewed.
 */
function giveLocked(s: string): string {
  return `
      if cardinality(p) > 0 and cardinality(p) = cardinality(array(
        select lease.partition from ${s}.lease
        where lease.grp = 'relay' and (lease.partition, lease.term) in (select * from unnest(p, t))
        order by lease.partition for share))
      then
        return query ${giveWindow(s)};
      end if;`
}

/** Reads and gives one page of the window for each partition in the arrays: number, term, next offset, floor, and after. */
function giveWindow(s: string): string {
  return `
    with picked as materialized (
      select place.*, event.*
      from unnest(p, t, o, f, a) as place(partition, term, next_offset, floor_position, after_position)
      cross join lateral (
        select *, row_number() over (order by position) as nth from (${windowEvents(s)}) as events
      ) as event
    ), given as (
      insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select e, partition, next_offset, least(count(*), max_page), term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position,
        max(position) filter (where nth <= max_page), count(*) <= max_page
      from picked
      group by partition, next_offset, term, floor_position, after_position
      returning 1
    )
    select e, partition, next_offset + nth - 1, ${eventTexts}
    from picked where nth <= max_page and exists (select from given)`
}
