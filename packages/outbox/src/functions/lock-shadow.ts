import type { SqlFunction } from './sql-function.ts'

export const lockShadow: SqlFunction = {
  signature: 'lock_shadow(bigint, boolean)',
  sql: (s) => `
-- Workers that fill a shadow share this lock; the one that removes the shadow waits for them.
create or replace function ${s}.lock_shadow(of_id bigint, is_shared boolean) returns void language plpgsql volatile as $$
begin
  if is_shared then perform pg_advisory_xact_lock_shared(hashtextextended('${s}.rebuild.' || of_id, 0));
  else perform pg_advisory_xact_lock(hashtextextended('${s}.rebuild.' || of_id, 0)); end if;
end $$;`,
}
