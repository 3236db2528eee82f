import type { SqlFunction } from './sql-function.ts'

export const offsetsBefore: SqlFunction = {
  signature: 'offsets_before(int, timestamptz)',
  sql: (s) => `
-- The last offset of each partition that was assigned before a moment, by its number from 0 on. Where the page log no longer
-- goes back so far, the last offset before it begins. A binary search: some thirty looks at the primary key.
create or replace function ${s}.offsets_before(of_epoch int, moment timestamptz) returns bigint[] language plpgsql stable as $$
declare
  found_offsets bigint[] := '{}';
  low record;
  high record;
  middle record;
begin
  for number in 0 .. (select partitions - 1 from ${s}.topic) loop
    select first_offset, count, assigned_at into low from ${s}.page
    where epoch = of_epoch and partition = number order by first_offset limit 1;
    select first_offset, count, assigned_at into high from ${s}.page
    where epoch = of_epoch and partition = number order by first_offset desc limit 1;
    if low.first_offset is null or low.assigned_at >= moment then
      found_offsets := found_offsets || greatest(0, coalesce(low.first_offset, 1) - 1);
      continue;
    end if;
    if high.assigned_at < moment then
      low := high;
    end if;
    -- "low" was assigned before the moment, "high" was not.
    while low.first_offset < high.first_offset loop
      select first_offset, count, assigned_at into middle from ${s}.page
      where epoch = of_epoch and partition = number and first_offset > low.first_offset
        and first_offset >= (low.first_offset + high.first_offset) / 2
      order by first_offset limit 1;
      if middle.first_offset = high.first_offset then
        -- None begins in the upper half.
        select first_offset, count, assigned_at into middle from ${s}.page
        where epoch = of_epoch and partition = number and first_offset < high.first_offset
        order by first_offset desc limit 1;
        exit when middle.first_offset = low.first_offset;
      end if;
      if middle.assigned_at < moment then low := middle; else high := middle; end if;
    end loop;
    found_offsets := found_offsets || (low.first_offset + low.count - 1);
  end loop;
  return found_offsets;
end $$;`,
}
