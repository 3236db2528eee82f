import { reservedPrefix, timeoutType } from '@commitcast/events'
import { maxHeadersBytes } from '../max-event-bytes.ts'
import type { SqlFunction } from './sql-function.ts'
import { escapedUnit, typePattern, versionPattern } from './type-pattern.ts'

/**
 * Refuses what no reader could read, with the reason; returns where nothing is wrong. What the outbox holds already passes when
 * it is moved: readers skip it.
 */
export const refuseEvent: SqlFunction = {
  signature: 'refuse_event(text, text, json, json)',
  sql: (s) => `
create or replace function ${s}.refuse_event(type text, key text, data json, headers json) returns void language plpgsql as $$
declare
  reason text;
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return; end if;
  reason := case
    when (type ~ '${typePattern}' and length(type) <= 200) is not true
      then format('The event type %L can not be used: take words of letters, digits, "_" and "-" joined by dots, at most 200 characters.', left(type, 250))
    when starts_with(type, '${reservedPrefix}')
      and (type = '${timeoutType}' and current_setting('commitcast.firing', true) = pg_current_xact_id_if_assigned()::text) is not true
      then format('The event type %L is reserved: take another prefix.', type)
    when (length(key) between 1 and 500) is not true
      then format('The key of %L is %L: it has to be a text of 1 to 500 characters.', type, left(key, 80))
    when (octet_length(data::text) <= ${s}.max_event_bytes()) is not true
      then format('The data of %L takes %s bytes, at most %s are taken.', type, octet_length(data::text), ${s}.max_event_bytes())
    when (octet_length(headers::text) <= ${maxHeadersBytes}) is not true
      then format('The headers of %L take %s bytes, at most ${maxHeadersBytes} are taken.', type, octet_length(headers::text))
    when json_typeof(headers) <> 'object'
      then format('The headers of %L are %s: they have to be a JSON object, like {"actor": "ada"}.', type, json_typeof(headers))
    when data::text ~ '"(constructor|prototype|__proto__)"[[:space:]]*:'
      then format('The data of %L has the key "constructor", "prototype" or "__proto__", which readers refuse: take another name.', type)
    end;
  if reason is null and (strpos(data::text, ${escapedUnit}) > 0 or strpos(headers::text, ${escapedUnit}) > 0) then
    begin
      perform data::jsonb, headers::jsonb;
    exception when others then
      reason := format('The data or the headers of %L hold a NUL character or half of a surrogate pair, which Postgres keeps in no text: take it out. (%s)', type, sqlerrm);
    end;
  end if;
  if reason is null then
    reason := case
      when (coalesce(headers->>'version', '1') ~ '${versionPattern}') is not true
        then format('The header "version" of %L is %L: it has to be a whole number from 1 on.', type, left(headers->>'version', 80))
      when (coalesce(headers->>'notes', '{') like '{%') is not true
        then format('The header "notes" of %L is %L: it is for the type notes that Commitcast itself writes.', type, left(headers->>'notes', 80))
      end;
  end if;
  if reason is not null then raise exception using errcode = 'check_violation', message = reason; end if;
end $$;`,
}
