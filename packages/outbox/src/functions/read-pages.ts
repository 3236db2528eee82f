import { eventTexts, pageColumns } from '../pages/page.ts'
import type { SqlFunction } from './sql-function.ts'
import { windowEvents, windowSettings } from './window-events.ts'

export const readPages: SqlFunction = {
  signature: 'read_pages(int, smallint, bigint, int)',
  sql: (s) => `
create or replace function ${s}.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int)
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
    select page.epoch, of_partition, page.first_offset + row_number() over (order by position) - 1, ${eventTexts}
    from (
      select of_partition as partition, page.from_snapshot, page.from_next, page.to_snapshot,
        page.floor as floor_position, page.after_position
    ) as place
    cross join lateral (${windowEvents(s)}) as event where position <= page.last_position order by position;
    get diagnostics found_events = row_count;
    if found_events <> page.count then
      raise exception 'The page log gives % events from offset % of partition %; the outbox has % of them.',
        page.count, page.first_offset, of_partition, found_events using errcode = 'no_data_found';
    end if;
  end loop;
end $$;`,
}
