import { slackMs } from '../schedule/slack-ms.ts'
import { afterAppend, beforeAppend } from './around-append.ts'
import type { SqlFunction } from './sql-function.ts'

/** So many are tried one by one after a batch was refused. */
const singlyMost = 50

/**
 * The function behind `fireDue`: moves what is due from `scheduled_event` to the outbox, in one transaction, the oldest first. Where
 * nothing is due it is one look into an index and draws no transaction id. One transaction fires at a time, so that order holds
 * with several relays. A row that a transaction of the application has locked is passed over; that one decides whether it fires.
 * It looks behind (`after_at`, `after_number`), or without a number a little before `after_at`, because a scan from the beginning passes over all rows that were deleted since the
 * oldest transaction of the cluster began.
 */
export const fireDue: SqlFunction = {
  signature: 'fire_due(timestamptz, bigint, int, int)',
  sql: (s) => `
create or replace function ${s}.fire_due(after_at timestamptz, after_number bigint, max_events int, max_bytes int)
returns table (fired int, refused json, last_at text, last_number text, late_ms float8, wait_ms float8)
language plpgsql volatile set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  checked record;
  batch record;
  each record;
  reason text;
  next_at timestamptz;
  now_at timestamptz := clock_timestamp();
begin
  fired := 0;
  if after_number is null then
    -- The clock may have gone back.
    after_at := least(after_at, now_at) - interval '${slackMs} milliseconds';
    after_number := 0;
  end if;
  ${nextAt(s)}
  if next_at <= now_at and pg_try_advisory_xact_lock(hashtextextended('${s}.fire_due', 0)) then
    perform ${s}.check_cluster();
    ${beforeAppend(s)}
    perform set_config('commitcast.firing', pg_current_xact_id()::text, true);
    begin
      with due as materialized (
        select owner, name, at, number, bytes from ${s}.scheduled_event
        where refused is null and (at, number) > (after_at, after_number) and at <= now_at
        order by at, number limit max_events for update skip locked
      ), chosen as (
        select owner, name from (select *, sum(bytes) over (order by at, number) - bytes as bytes_before from due) as counted
        where bytes_before < max_bytes
      ), gone as (
        delete from ${s}.scheduled_event as event using chosen
        where (event.owner, event.name) = (chosen.owner, chosen.name) returning event.*
      ), appended as (
        insert into ${s}.outbox (id, type, key, data, headers)
        select id, type, key, data, headers from gone order by at, number
      )
      select count(*)::int as events, min(at) as first_at, (array_agg(at order by at desc, number desc))[1] as last_at,
        (array_agg(number order by at desc, number desc))[1] as last_number into batch from gone;
      fired := batch.events;
      after_at := coalesce(batch.last_at, after_at);
      after_number := coalesce(batch.last_number, after_number);
      late_ms := extract(epoch from clock_timestamp() - batch.first_at) * 1000;
    exception when check_violation then
      -- Not the batch but some of its events: those are set aside, the others continue.
      for each in
        select * from ${s}.scheduled_event
        where refused is null and (at, number) > (after_at, after_number) and at <= now_at
        order by at, number limit ${singlyMost} for update skip locked
      loop
        begin
          delete from ${s}.scheduled_event as event where (event.owner, event.name) = (each.owner, each.name);
          insert into ${s}.outbox (id, type, key, data, headers) values (each.id, each.type, each.key, each.data, each.headers);
          fired := fired + 1;
          late_ms := coalesce(late_ms, extract(epoch from clock_timestamp() - each.at) * 1000);
        exception when check_violation then
          get stacked diagnostics reason = message_text;
          update ${s}.scheduled_event as event set refused = reason where (event.owner, event.name) = (each.owner, each.name);
          refused := (coalesce(refused::jsonb, '[]') || jsonb_build_object('owner', each.owner, 'name', each.name, 'type', each.type, 'reason', reason))::json;
        end;
        after_at := each.at;
        after_number := each.number;
      end loop;
    end;
    perform set_config('commitcast.firing', '', true);
    ${afterAppend(s)}
    ${nextAt(s)}
  end if;
  last_at := after_at;
  last_number := after_number;
  wait_ms := extract(epoch from next_at - clock_timestamp()) * 1000;
  return next;
end $$;`,
}

function nextAt(s: string): string {
  return `next_at := (
    select at from ${s}.scheduled_event where refused is null and (at, number) > (after_at, after_number)
    order by at, number limit 1);`
}
