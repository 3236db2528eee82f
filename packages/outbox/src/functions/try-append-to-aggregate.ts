import { afterAppend, beforeAppend } from './around-append.ts'
import type { SqlFunction } from './sql-function.ts'
import { streamSettings } from './stream-settings.ts'
import { typePattern } from './type-pattern.ts'

export const tryAppendToAggregate: SqlFunction = {
  signature: 'try_append_to_aggregate(text, text, bigint, json)',
  sql: (s) => `
-- As append_to_aggregate, but a conflict is an answer and no error, so the transaction can continue. The version is then that
-- of the other writer; where the snapshot is older than the conflict, one that it is at least.
create or replace function ${s}.try_append_to_aggregate(of_aggregate text, of_key text, expected bigint, events json,
  out is_appended boolean, out version bigint, out appended_at timestamptz)
language plpgsql volatile ${streamSettings} as $$
declare
  checked record;
  appended bigint := 0;
  at_least bigint := 0;
begin
  if (of_aggregate ~ '${typePattern}' and length(of_aggregate) <= 100) is not true then
    raise exception using errcode = 'check_violation',
      message = format('The aggregate %L can not be used: take words of letters, digits, "_" and "-" joined by dots, at most 100 characters.', left(of_aggregate, 150));
  end if;
  if (expected >= 0) is not true then
    raise exception using errcode = 'check_violation',
      message = format('The expected version of %L is %L: it has to be a whole number, 0 for an aggregate without events.', of_aggregate, expected);
  end if;
  ${beforeAppend(s)}
  appended_at := clock_timestamp();
  if current_setting('transaction_isolation') = 'read committed' then
    ${insertEvents(s, 'on conflict do nothing')}
    get diagnostics appended = row_count;
  else
    -- ON CONFLICT would fail for a row that the transaction's snapshot can't see, and end the transaction.
    begin
      ${insertEvents(s)}
      get diagnostics appended = row_count;
    exception when unique_violation then
      at_least := expected + 1;
    end;
  end if;
  is_appended := appended = json_array_length(events);
  if is_appended then
    version := expected + appended;
    ${afterAppend(s)}
  else
    select greatest(max(event.version), at_least) from ${s}.aggregate_event event
    where event.aggregate = of_aggregate and event.key = of_key into version;
  end if;
end $$;`,
}

/**
 * The first event claims its version and waits for a writer that claims it, too; the others follow only then, and the outbox
 * draws positions last. So the outbox has the events of a key in the order of their versions.
 */
function insertEvents(s: string, onConflict = ''): string {
  const columns = 'aggregate, key, version, id, type, data, headers, appended_at, bytes'
  const event = `of_aggregate, of_key, event.version, event.id, event.type, event.data, event.headers, appended_at,
      octet_length(event.data::text) + octet_length(event.headers::text)`
  return `with event as materialized (
      select expected + e.nth as version, coalesce(e.id, ${s}.uuid_v7()) as id, e.type,
        coalesce(e.data, 'null') as data, coalesce(e.headers, '{}') as headers
      from rows from (json_to_recordset(events) as (id uuid, type text, data json, headers json))
        with ordinality as e(id, type, data, headers, nth)
    ), first as (
      insert into ${s}.aggregate_event as stored (${columns})
      select ${event} from event where event.version = expected + 1 and (expected = 0 or exists (
        select from ${s}.aggregate_event last where last.aggregate = of_aggregate and last.key = of_key and last.version = expected))
      ${onConflict}
      returning stored.version, stored.id, stored.type, stored.data, stored.headers
    ), others as (
      insert into ${s}.aggregate_event as stored (${columns})
      select ${event} from event where event.version > expected + 1 and exists (select from first)
      returning stored.version, stored.id, stored.type, stored.data, stored.headers
    )
    insert into ${s}.outbox (id, type, key, data, headers, occurred_at)
    select claimed.id, claimed.type, of_key, claimed.data, claimed.headers, appended_at
    from (select * from first union all select * from others) claimed order by claimed.version;`
}
