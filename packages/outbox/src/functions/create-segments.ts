import type { SqlFunction } from './sql-function.ts'

export const createSegments: SqlFunction = {
  signature: 'create_segments(int)',
  sql: (s) => `
-- Segments are attached, never created with PARTITION OF: that would make every append wait. The relay creates them ahead of
-- time. Where no relay has run for days, a segment was dropped, or the clock went back, an append does it, whatever its own
-- rights. None is created for days that are over: retention counts those that were created day by day.
create or replace function ${s}.create_segments(days_ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set datestyle = 'ISO' set timezone = 'UTC' as $$
declare
  day date := (clock_timestamp() at time zone 'utc')::date + days_ahead;
  segment text;
begin
  perform pg_advisory_xact_lock(hashtextextended('${s}.create_segments', 0));
  for day in select d::date from generate_series(
    (clock_timestamp() at time zone 'utc')::date, (clock_timestamp() at time zone 'utc')::date + days_ahead, interval '1 day') d
  loop
    segment := 'outbox_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('${s}.' || segment) is not null;
    begin
      execute format('create table ${s}.%I (like ${s}.outbox including defaults)', segment);
    exception when duplicate_table then
      -- The transaction that had the lock before created it: the catalogue that this transaction sees is older.
      continue;
    end;
    execute format('create trigger outbox_no_truncate before truncate on ${s}.%I
      for each statement execute function ${s}.refuse_change()', segment);
    execute format('alter table ${s}.outbox attach partition ${s}.%I for values from (%L) to (%L)',
      segment, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update ${s}.topic set segments_until = (day + 1)::timestamp at time zone 'utc'
  where segments_until < (day + 1)::timestamp at time zone 'utc';
end $$;`,
}
