import type { SqlFunction } from './sql-function.ts'

export const endRebuild: SqlFunction = {
  signature: 'end_rebuild(bigint)',
  sql: (s) => `
create or replace function ${s}.end_rebuild(of_id bigint) returns boolean language plpgsql volatile as $$
declare
  ending ${s}.rebuild;
begin
  select * into ending from ${s}.rebuild where id = of_id for update;
  if not found then return false; end if;
  perform ${s}.lock_shadow(of_id, false);
  execute format('drop schema if exists %I cascade', ending.shadow_schema);
  delete from ${s}.rebuild where id = of_id;
  perform ${s}.delete_shadow_groups(ending.group_name);
  return true;
end $$;`,
}
