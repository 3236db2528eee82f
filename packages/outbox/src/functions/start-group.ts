import { lastAssigned } from '../pages/read-last-assigned.ts'
import type { SqlFunction } from './sql-function.ts'

export const startGroup: SqlFunction = {
  signature: 'start_group(text, boolean)',
  sql: (s) => `
-- Gives a new group its first offsets: all partitions in one commit.
create or replace function ${s}.start_group(of_group text, at_end boolean) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('${s}.start_group', 0));
  if exists (select from ${s}.group_offset where group_name = of_group) then return; end if;
  insert into ${s}.group_offset (group_name, partition, epoch, "offset", is_start)
  select of_group, number, case when at_end then topic.epoch else 1 end,
    case when at_end then ${lastAssigned(s, 'topic.epoch', 'number::smallint')} else 0 end, true
  from ${s}.topic cross join generate_series(0, topic.partitions - 1) as number;
end $$;`,
}
