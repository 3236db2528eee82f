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
 * more, and leave out what it does not show. One event more than fits is looked at, to know whether the window ends with
 * this page.
 */
export function givePagesFunction(s: string): string {
  return `
create function ${s}.give_pages(partitions smallint[], terms bigint[], max_page int) returns table (${pageColumns})
language plpgsql volatile ${windowSettings} as $$
#variable_conflict use_column
declare
  this_snapshot pg_snapshot := pg_current_snapshot();
  max_events int := max_page + 1;
  place record;
  of_partition smallint;
  to_next xid8;
  seen_snapshot text;${windowVariables}
begin
  perform set_config('synchronous_commit', 'on', true);
  for place in
    select topic.epoch, lease.partition, lease.term, newest.*
    from unnest(partitions, terms) as held(partition, term)
    join ${s}.lease on lease.grp = 'relay' and lease.partition = held.partition and lease.term = held.term
    cross join ${s}.topic
    left join lateral (
      select page.first_offset, page.count, page.from_snapshot as old_from, page.from_next as old_from_next,
        page.to_snapshot as old_to, page.to_next as old_to_next, page.floor, page.last_position, page.window_done
      from ${s}.page
      where page.epoch = topic.epoch and page.partition = held.partition
      order by page.first_offset desc limit 1
    ) as newest on true
  loop
    of_partition := place.partition;
    if place.window_done is false then
      from_snapshot := place.old_from;
      from_next := place.old_from_next;
      to_snapshot := place.old_to;
      to_next := place.old_to_next;
      floor_position := place.floor;
      after_position := place.last_position;
    else
      from_snapshot := coalesce(place.old_to, '1:1:');
      from_next := coalesce(place.old_to_next, '1');
      to_snapshot := this_snapshot;
      to_next := null;
      floor_position := greatest(place.floor, place.last_position, 0);
      after_position := 0;
      if pg_snapshot_xmax(to_snapshot) < pg_snapshot_xmax(from_snapshot) then
        raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.',
          of_partition, from_snapshot, to_snapshot
          using errcode = 'data_exception', hint = 'It was restored from an older copy, or failed over to one.';
      end if;
    end if;
    if from_snapshot::text is distinct from seen_snapshot then
      writers := (${findWriters(s)});
      seen_snapshot := from_snapshot::text;
    end if;
    continue when cardinality(writers) = 0 and not exists (
      select from ${s}.outbox where partition = of_partition and position > greatest(floor_position, after_position));

    return query
    with picked as materialized (
      select event.*, row_number() over (order by position) as nth from (${windowEvents(s)}) as event
    ), given as (
      insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select place.epoch, of_partition, coalesce(place.first_offset + place.count, 1), least(count(*), max_page), place.term,
        from_snapshot, from_next, to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position,
        max(position) filter (where nth <= max_page), count(*) <= max_page
      from picked having count(*) > 0
      returning 1
    )
    select place.epoch, of_partition, coalesce(place.first_offset + place.count, 1) + nth - 1, ${eventTexts}
    from picked where nth <= max_page and exists (select from given) order by nth;
  end loop;
end $$;`
}
