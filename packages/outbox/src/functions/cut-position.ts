import type { SqlFunction } from './sql-function.ts'
import { eventsOfPage, windowSettings } from './window-events.ts'

export const cutPosition: SqlFunction = {
  signature: 'cut_position(int, smallint, bigint)',
  sql: (s) => `
-- Where windows continue behind an offset: the position of its event, or, where a page begins behind it, that of the page.
-- Null where the outbox no longer has all events of the page that follows it.
create or replace function ${s}.cut_position(of_epoch int, of_partition smallint, at_offset bigint) returns bigint
language plpgsql stable ${windowSettings} as $$
#variable_conflict use_column
declare
  page record;
  max_events int;
  positions bigint[];
begin
  select * into page from ${s}.page
  where page.epoch = of_epoch and page.partition = of_partition and page.first_offset + page.count > at_offset + 1
    and page.first_offset > 0
  order by page.first_offset limit 1;
  max_events := page.count;
  select array_agg(position order by position) into positions
  from ${eventsOfPage(s)} as event;
  if coalesce(cardinality(positions), 0) <> page.count then return null; end if;
  if at_offset < page.first_offset then return page.after_position; end if;
  return positions[at_offset - page.first_offset + 1];
end $$;`,
}
