import { noteParked } from '../parked/parked-history.ts'
import type { SqlFunction } from './sql-function.ts'

export const setGroupOffsets: SqlFunction = {
  signature: 'set_group_offsets(text, json)',
  sql: (s) => `
-- Moves a group to other offsets: workers find their terms outdated and read the new offsets. What is parked behind a new
-- offset is deleted, because the group reads it again.
create or replace function ${s}.set_group_offsets(of_group text, positions json) returns void language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from ${s}.lease where group_name = of_group order by partition for update;
  update ${s}.lease set owner = '', term = term + 1, expires_at = '-infinity' where group_name = of_group;
  with moved as (
    insert into ${s}.group_offset (group_name, partition, epoch, "offset", is_start)
    select of_group, wanted.partition, wanted.epoch, wanted."offset", true
    from json_to_recordset(positions) as wanted(partition smallint, epoch int, "offset" bigint) returning *
  ), event as (
    delete from ${s}.parked using moved
    where parked.group_name = of_group and parked.partition = moved.partition
      and (parked.epoch, parked."offset") > (moved.epoch, moved."offset")
    returning parked.*
  ) ${noteParked(s, 'reset', { rows: 'event' })};
end $$;`,
}
