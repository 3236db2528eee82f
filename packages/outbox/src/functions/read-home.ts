import type { SqlFunction } from './sql-function.ts'

export const readHome: SqlFunction = {
  signature: 'read_home()',
  sql: (s) => `
-- A dump that was restored without post-data leaves the view empty.
create or replace function ${s}.read_home() returns table (system_identifier bigint, database oid, "position" bigint)
language plpgsql stable as $$
begin
  return query select home.system_identifier, home.database, coalesce(home.position, 0) from ${s}.home;
exception when object_not_in_prerequisite_state then
  return;
end $$;`,
}
