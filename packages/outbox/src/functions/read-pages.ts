import { eventTexts, pageColumns } from '../pages/page.ts'
import type { SqlFunction } from './sql-function.ts'
import { eventOctets, eventsOfPage, windowSettings } from './window-events.ts'

/**
 * The function behind `readPages`: the events of pages behind an offset. `max_bytes` bounds what is returned of a page, at
 * least one event, and no other is unpacked. A page of which an event is gone is none: its offsets can't be counted any more.
 */
export const readPages: SqlFunction = {
  signature: 'read_pages(int, smallint, bigint, int, bigint)',
  sql: (s) => `
create or replace function ${s}.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int,
  max_bytes bigint default null)
returns table (${pageColumns})
language plpgsql stable ${windowSettings} as $$
#variable_conflict use_column
declare
  page record;
  found_events bigint;
  max_events int;
begin
  for page in
    select * from ${s}.page
    where page.epoch = of_epoch and page.partition = of_partition and page.first_offset + page.count > after_offset + 1
      and page.first_offset >= coalesce((
        select page.first_offset from ${s}.page
        where page.epoch = of_epoch and page.partition = of_partition and page.first_offset <= after_offset + 1
        order by page.first_offset desc limit 1), 0)
    order by page.first_offset limit max_pages
  loop
    max_events := page.count;
    return query
    select page.epoch, of_partition, nth, ${eventTexts}
    from (
      select *, case when max_bytes is null then 0
        else coalesce(sum(${eventOctets}) over (order by nth rows between unbounded preceding and 1 preceding), 0) end as before
      from (
        select event.*, page.first_offset + row_number() over (order by position) - 1 as nth, count(*) over () as found
        from ${eventsOfPage(s)} as event
      ) as counted
      where found = page.count and nth > after_offset
    ) as sized
    where max_bytes is null or before < max_bytes
    order by nth;
    get diagnostics found_events = row_count;
    if found_events = 0 then
      raise exception 'The page log gives % events from offset % of partition %; the outbox no longer has all of them.',
        page.count, page.first_offset, of_partition using errcode = 'no_data_found';
    end if;
  end loop;
end $$;`,
}
