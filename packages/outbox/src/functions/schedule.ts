import { timeoutType } from '@commitcast/events'
import { scheduledSoon, soonMs } from '../schedule/scheduled-soon.ts'
import { notifyRelay } from './around-append.ts'
import type { SqlFunction } from './sql-function.ts'

/** The owners of a process's time-outs begin so. */
const processPrefix = 'process/'

export const schedule: SqlFunction = {
  signature: 'schedule(text, timestamptz, text, text, json, json, text, uuid)',
  sql: (s) => `
-- The relay appends the event once "at" has passed. One of the same owner and name is replaced. A past time counts as now.
create or replace function ${s}.schedule(name text, at timestamptz, type text, key text, data json, headers json default '{}',
  owner text default '', id uuid default null) returns void language plpgsql volatile as $$
declare
  checked record;
begin
  if (length(name) between 1 and 500) is not true then
    raise exception 'The name of a scheduled event is %: it has to be a text of 1 to 500 characters.', coalesce(quote_literal(left(name, 80)), 'null')
      using errcode = 'check_violation';
  end if;
  if isfinite(at) is not true then
    raise exception 'The time of the scheduled event % is %: it has to be an instant.', quote_literal(name), coalesce(at::text, 'null')
      using errcode = 'check_violation';
  end if;
  data := coalesce(data, 'null');
  headers := coalesce(headers, '{}');
  owner := coalesce(owner, '');
  perform ${s}.refuse_event(
    case when type = '${timeoutType}' and starts_with(owner, '${processPrefix}') then 'timeout' else type end, key, data, headers);
  insert into ${s}.scheduled_event (owner, name, at, id, type, key, data, headers, bytes)
  values (owner, name, greatest(at, clock_timestamp()), coalesce(id, ${s}.uuid_v7()), type, key, data, headers,
    octet_length(data::text) + octet_length(headers::text))
  on conflict on constraint scheduled_event_pkey do update set (at, number, id, type, key, data, headers, bytes, refused) =
    (excluded.at, excluded.number, excluded.id, excluded.type, excluded.key, excluded.data, excluded.headers, excluded.bytes, null);
  if at < clock_timestamp() + interval '${soonMs} milliseconds' then
    select exists (select from ${s}.sleeping_relay) as is_asleep into checked;
    ${notifyRelay(s, scheduledSoon)}
  end if;
end $$;`,
}
