import type { SqlFunction } from './sql-function.ts'
import { streamSettings } from './stream-settings.ts'

export const readAggregate: SqlFunction = {
  signature: 'read_aggregate(text, text, int, bigint, int, int)',
  sql: (s) => `
-- The snapshot of this reducer, if there is one, as a row without an id, then the events after it: up to max_events, and until
-- they have max_bytes. Without a reducer the events after after_version.
create or replace function ${s}.read_aggregate(of_aggregate text, of_key text, of_reducer int, after_version bigint, max_events int, max_bytes int)
returns table (version bigint, id uuid, type text, data json, headers json, appended_at timestamptz, bytes int)
language plpgsql stable ${streamSettings} as $$
declare
  taken record;
begin
  if of_reducer is not null then
    select * from ${s}.aggregate_snapshot s
    where s.aggregate = of_aggregate and s.key = of_key and s.reducer = of_reducer into taken;
    if exists (select from ${s}.aggregate_event e
      where e.aggregate = of_aggregate and e.key = of_key and e.version = taken.version)
    then
      after_version := taken.version;
      return query select taken.version, null::uuid, null::text, taken.state, json_build_object('notes', taken.notes, 'subjects', taken.subjects), taken.taken_at, 0;
    end if;
  end if;
  for version, id, type, data, headers, appended_at, bytes in
    select e.version, e.id, e.type, e.data, e.headers, e.appended_at, e.bytes from ${s}.aggregate_event e
    where e.aggregate = of_aggregate and e.key = of_key and e.version > after_version order by e.version limit max_events
  loop
    return next;
    max_bytes := max_bytes - bytes;
    exit when max_bytes <= 0;
  end loop;
end $$;`,
}
