import type { SqlFunction } from './sql-function.ts'
import { eventsOfPage, windowSettings } from './window-events.ts'

export const readIds: SqlFunction = {
  signature: 'read_ids(int, smallint, bigint, bigint)',
  sql: (s) => `
-- The ids of the events of all pages that hold an offset above one and up to another. A page of which an event is gone is left out.
create or replace function ${s}.read_ids(of_epoch int, of_partition smallint, after_offset bigint, up_to bigint)
returns table ("offset" bigint, id text)
language plpgsql stable ${windowSettings} as $$
#variable_conflict use_column
declare
  page record;
  max_events int;
begin
  for page in
    select * from ${s}.page
    where page.epoch = of_epoch and page.partition = of_partition and page.first_offset between 1 and up_to
      and page.first_offset + page.count > after_offset + 1
    order by page.first_offset
  loop
    max_events := page.count;
    return query
    select nth, counted.id::text
    from (
      select event.id, page.first_offset + row_number() over (order by position) - 1 as nth, count(*) over () as found
      from ${eventsOfPage(s)} as event
    ) as counted
    where found = page.count order by nth;
  end loop;
end $$;`,
}
