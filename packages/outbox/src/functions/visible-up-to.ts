import type { SqlFunction } from './sql-function.ts'
import { windowEvents, windowSettings } from './window-events.ts'

export const visibleUpTo: SqlFunction = {
  signature: 'visible_up_to(pg_snapshot)',
  sql: (s) => `
-- For each partition the last assigned offset, where all events that are visible in a snapshot have their offsets: no event
-- behind it is one of them, now or later. Null where some of them may still get an offset.
create or replace function ${s}.visible_up_to(of_snapshot pg_snapshot) returns table (partition smallint, "offset" bigint)
language plpgsql stable ${windowSettings} as $$
#variable_conflict use_column
declare
  max_events int := 1;
begin
  return query
  select bounds.partition, case when is_done and not exists (${windowEvents(s)}) then bounds.last_offset end
  from (
    select number::smallint as partition, coalesce(newest.window_done, true) as is_done,
      coalesce(newest.first_offset + newest.count - 1, 0) as last_offset,
      coalesce(newest.to_snapshot, '1:1:') as from_snapshot, coalesce(newest.to_next, '1') as from_next,
      of_snapshot as to_snapshot, greatest(newest.floor, newest.last_position, 0) as floor_position,
      topic.restored_up_to as after_position
    from ${s}.topic cross join generate_series(0, topic.partitions - 1) as number
    left join lateral (
      select * from ${s}.page where page.epoch = topic.epoch and page.partition = number
      order by page.first_offset desc limit 1
    ) as newest on true
  ) as bounds
  order by bounds.partition;
end $$;`,
}
