import type { SqlFunction } from './sql-function.ts'
import { wentBackState } from './sql-states.ts'

export const refuseOlderSnapshot: SqlFunction = {
  signature: 'refuse_older_snapshot(smallint, pg_snapshot, pg_snapshot)',
  sql: (s) => `
create or replace function ${s}.refuse_older_snapshot(partition smallint, assigned_to pg_snapshot, now pg_snapshot) returns boolean
language plpgsql as $$
begin
  raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.', partition, assigned_to, now
    using errcode = '${wentBackState}', hint = format('It was restored from an older copy, or failed over to one: '
      'run "commitcast topic new-epoch --from %s".', (select epoch from ${s}.topic));
end $$;`,
}
