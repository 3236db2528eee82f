import { takeParked } from '../parked/handle-parked.ts'
import { noteParked } from '../parked/parked-history.ts'
import { afterAppend, beforeAppend } from './around-append.ts'
import type { SqlFunction } from './sql-function.ts'

/**
 * The function behind `retryParked`: row by row into the outbox, however many and large they are. What the outbox brings
 * reaches every reader again, so only what the relay parked goes this way.
 */
export const retryParked: SqlFunction = {
  signature: 'retry_parked(bigint[], text, text)',
  sql: (s) => `
create or replace function ${s}.retry_parked(ids bigint[], actor text default null, of_group text default null) returns setof ${s}.parked
language plpgsql volatile as $$
#variable_conflict use_column
declare
  checked record;
begin
  ${beforeAppend(s)}
  -- It was taken once: what readers can't read is parked again, and holds up no other.
  perform set_config('commitcast.new_epoch', pg_current_xact_id()::text, true);
  return query
    with taken as (${takeParked(s, 'ids', `group_name = 'relay' and coalesce(of_group, group_name) = group_name`)}
    ), appended as (
      insert into ${s}.outbox (id, type, key, data, headers)
      select event_id, type, key, data, headers from taken order by id
    ), asked as (
      update ${s}.parked set retry = true
      where (ids is null or id = any(ids)) and group_name <> 'relay' and coalesce(of_group, group_name) = group_name returning parked.*
    ), handled as (
      select * from taken union all select * from asked
    ), noted as (${noteParked(s, 'retried', { rows: 'handled', actor: 'retry_parked.actor' })}
    )
    select * from handled order by id;
  perform set_config('commitcast.new_epoch', '', true);
  ${afterAppend(s)}
end $$;`,
}
