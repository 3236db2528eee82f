import type { SqlFunction } from './sql-function.ts'

export const makeLeaves: SqlFunction = {
  signature: 'make_leaves(int)',
  sql: (s) => `
-- Leaves are attached, never made with PARTITION OF: that would make every append wait for it. The relay makes them ahead
-- of time; where none has run for days, somebody has dropped one or the clock went back, an appender does, whatever its own rights.
-- None is made for days that are over: retention counts those that were made day by day.
create or replace function ${s}.make_leaves(days_ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set datestyle = 'ISO' set timezone = 'UTC' as $$
declare
  day date := (clock_timestamp() at time zone 'utc')::date + days_ahead;
  leaf text;
begin
  perform pg_advisory_xact_lock(hashtextextended('${s}.make_leaves', 0));
  for day in select d::date from generate_series(
    (clock_timestamp() at time zone 'utc')::date, (clock_timestamp() at time zone 'utc')::date + days_ahead, interval '1 day') d
  loop
    leaf := 'outbox_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('${s}.' || leaf) is not null;
    begin
      execute format('create table ${s}.%I (like ${s}.outbox including defaults)', leaf);
    exception when duplicate_table then
      -- Whoever had the lock before us made it: what this transaction knows of the catalogue is older.
      continue;
    end;
    execute format('create trigger outbox_no_truncate before truncate on ${s}.%I
      for each statement execute function ${s}.refuse_change()', leaf);
    execute format('alter table ${s}.outbox attach partition ${s}.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update ${s}.topic set leaves_until = (day + 1)::timestamp at time zone 'utc'
  where leaves_until < (day + 1)::timestamp at time zone 'utc';
end $$;`,
}
