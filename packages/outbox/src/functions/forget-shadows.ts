import type { SqlFunction } from './sql-function.ts'

export const forgetShadows: SqlFunction = {
  signature: 'forget_shadows(text)',
  sql: (s) => `
-- Removes what is left of a group's rebuilds that have ended. A worker that has not heard of the end yet may bring some of
-- it back, so it calls this once more when it has.
create or replace function ${s}.forget_shadows(of_group text) returns void language plpgsql volatile as $$
begin
  delete from ${s}.group_offset as o where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = o.grp);
  delete from ${s}.parked as p where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = p.grp);
  delete from ${s}.member as m where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = m.grp);
  delete from ${s}.lease as l where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = l.grp);
end $$;`,
}
