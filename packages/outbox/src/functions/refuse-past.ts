import type { SqlFunction } from './sql-function.ts'
import { wentBackState } from './sql-states.ts'

export const refusePast: SqlFunction = {
  signature: 'refuse_past(smallint, pg_snapshot, pg_snapshot)',
  sql: (s) => `
create or replace function ${s}.refuse_past(partition smallint, given_to pg_snapshot, now pg_snapshot) returns boolean
language plpgsql as $$
begin
  raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.', partition, given_to, now
    using errcode = '${wentBackState}', hint = format('It was restored from an older copy, or failed over to one. '
      '"commitcast topic new-epoch --from %s" mends it.', (select epoch from ${s}.topic));
end $$;`,
}
