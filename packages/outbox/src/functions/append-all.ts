import { afterAppend, beforeAppend } from './around-append.ts'
import type { SqlFunction } from './sql-function.ts'

export const appendAll: SqlFunction = {
  signature: 'append_all(json)',
  sql: (s) => `
-- Takes a JSON array of {type, key, data, id?, headers?}; appends them in its order.
create or replace function ${s}.append_all(events json) returns setof uuid language plpgsql volatile as $$
declare
  checked record;
begin
  ${beforeAppend(s)}
  return query
    insert into ${s}.outbox (id, type, key, data, headers)
    select coalesce(e.id, ${s}.uuid_v7()), e.type, e.key, coalesce(e.data, 'null'), coalesce(e.headers, '{}')
    from rows from (json_to_recordset(events) as (id uuid, type text, key text, data json, headers json))
      with ordinality as e(id, type, key, data, headers, nth) order by nth
    returning outbox.id;
  ${afterAppend(s)}
end $$;`,
}
