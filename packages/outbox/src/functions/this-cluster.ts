import type { SqlFunction } from './sql-function.ts'

export const thisCluster: SqlFunction = {
  signature: 'this_cluster()',
  sql: (s) => `
-- The system identifier is null where this role may not read it; then only the database's oid identifies it.
create or replace function ${s}.this_cluster() returns table (system_identifier bigint, database oid) language plpgsql stable as $$
begin
  return query select (select control.system_identifier from pg_control_system() as control),
    (select oid from pg_database where datname = current_database());
exception when insufficient_privilege then
  return query select null::bigint, oid from pg_database where datname = current_database();
end $$;`,
}
