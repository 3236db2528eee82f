import type { SqlFunction } from './sql-function.ts'

export const readClusterIdentity: SqlFunction = {
  signature: 'read_cluster_identity()',
  sql: (s) => `
-- A dump that was restored without post-data leaves the view empty.
create or replace function ${s}.read_cluster_identity() returns table (system_identifier bigint, database oid, "position" bigint)
language plpgsql stable as $$
begin
  return query select identity.system_identifier, identity.database, coalesce(identity.position, 0) from ${s}.cluster_identity as identity;
exception when object_not_in_prerequisite_state then
  return;
end $$;`,
}
