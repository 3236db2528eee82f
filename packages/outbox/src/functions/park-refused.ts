import { noteParked } from '../parked/parked-history.ts'
import type { SqlFunction } from './sql-function.ts'

/** The function behind `parkRefused`. A relay that takes the lease over waits for this commit, as for that of a page. */
export const parkRefused: SqlFunction = {
  signature: 'park_refused(int, smallint, bigint, bigint, text)',
  sql: (s) => `
create or replace function ${s}.park_refused(of_epoch int, of_partition smallint, of_offset bigint, of_term bigint, of_reason text)
returns text language plpgsql volatile as $$
begin
  perform set_config('synchronous_commit', 'on', true);
  perform from ${s}.lease where group_name = 'relay' and partition = of_partition and term = of_term for share;
  if not found then return 'lease lost'; end if;
  insert into ${s}.refused (epoch, partition, "offset") values (of_epoch, of_partition, of_offset) on conflict do nothing;
  if not found then return 'noted before'; end if;
  with event as (
    insert into ${s}.parked (group_name, epoch, partition, "offset", event_id, type, key, data, headers, occurred_at, reason)
    select 'relay', epoch, partition, "offset", id::uuid, type, key, body::json, headers::json, occurred::timestamptz, of_reason
    from ${s}.read_pages(of_epoch, of_partition, of_offset - 1, 1, 1) where "offset" = of_offset returning *
  ) ${noteParked(s, 'parked', { rows: 'event' })};
  if not found then
    raise exception 'Offset % of partition % was never assigned.', of_offset, of_partition using errcode = 'no_data_found';
  end if;
  return 'parked';
end $$;`,
}
