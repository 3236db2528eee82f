import { noteParked } from '../parked/parked-history.ts'
import type { SqlFunction } from './sql-function.ts'

export const putGroup: SqlFunction = {
  signature: 'put_group(text, json)',
  sql: (s) => `
-- Puts a group elsewhere: workers find their terms outdated and read the new offsets. What is parked behind the new place
-- goes, because it comes again.
create or replace function ${s}.put_group(of_group text, places json) returns void language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from ${s}.lease where grp = of_group order by partition for update;
  update ${s}.lease set owner = '', term = term + 1, expires_at = '-infinity' where grp = of_group;
  with place as (
    insert into ${s}.group_offset (grp, partition, epoch, "offset", is_start)
    select of_group, place.partition, place.epoch, place."offset", true
    from json_to_recordset(places) as place(partition smallint, epoch int, "offset" bigint) returning *
  ), event as (
    delete from ${s}.parked using place
    where parked.grp = of_group and parked.partition = place.partition
      and (parked.epoch, parked."offset") > (place.epoch, place."offset")
    returning parked.*
  ) ${noteParked(s, 'reset', { rows: 'event' })};
end $$;`,
}
