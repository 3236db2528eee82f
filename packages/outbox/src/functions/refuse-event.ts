import { reservedPrefix } from '@commitcast/events'
import { maxHeadersBytes } from '../max-event-bytes.ts'
import type { SqlFunction } from './sql-function.ts'
import { typePattern } from './type-pattern.ts'

export const refuseEvent: SqlFunction = {
  signature: 'refuse_event(text, text, json, json)',
  sql: (s) => `
create or replace function ${s}.refuse_event(type text, key text, data json, headers json) returns void language plpgsql as $$
declare
  max_bytes int := (select max_event_bytes from ${s}.topic);
begin
  raise exception using errcode = 'check_violation', message = case
    when (type ~ '${typePattern}' and length(type) <= 200) is not true
      then format('The event type %L can not be used: take words of letters, digits, "_" and "-" joined by dots, at most 200 characters.', left(type, 250))
    when starts_with(type, '${reservedPrefix}') then format('The event type %L is reserved: take another prefix.', type)
    when (length(key) between 1 and 500) is not true
      then format('The key of %L is %L: it has to be a text of 1 to 500 characters.', type, left(key, 80))
    when octet_length(data::text) <= max_bytes and headers is not null
      then format('The headers of %L take %s bytes, at most ${maxHeadersBytes} are taken.', type, octet_length(headers::text))
    else format('The data of %L takes %s bytes, at most %s are taken.', type, octet_length(data::text), max_bytes)
    end;
end $$;`,
}
