import { slackMs } from '../schedule/slack-ms.ts'
import type { SqlFunction } from './sql-function.ts'

export const dueInMs: SqlFunction = {
  signature: 'due_in_ms(timestamptz)',
  sql: (s) => `
-- In how many milliseconds the next scheduled event is due; negative where it is overdue, null where there is none. Looks a little
-- behind "after_at", because one that passes over all rows that fired is slow while an old transaction is open.
create or replace function ${s}.due_in_ms(after_at timestamptz) returns float8 language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  return (
    select extract(epoch from at - clock_timestamp()) * 1000 from ${s}.scheduled_event
    where refused is null and at > after_at - interval '${slackMs} milliseconds' order by at, number limit 1);
end $$;`,
}
