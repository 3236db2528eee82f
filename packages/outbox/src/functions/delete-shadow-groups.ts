import type { SqlFunction } from './sql-function.ts'

export const deleteShadowGroups: SqlFunction = {
  signature: 'delete_shadow_groups(text)',
  sql: (s) => `
-- Deletes the rows of the shadow groups of a group's rebuilds that have ended. A worker that does not know of the end yet may
-- insert some of them again, so it calls this once more when it does.
create or replace function ${s}.delete_shadow_groups(of_group text) returns void language plpgsql volatile as $$
begin
  delete from ${s}.group_offset as o where starts_with(group_name, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = o.group_name);
  delete from ${s}.parked as p where starts_with(group_name, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = p.group_name);
  delete from ${s}.member as m where starts_with(group_name, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = m.group_name);
  delete from ${s}.lease as l where starts_with(group_name, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = l.group_name);
end $$;`,
}
