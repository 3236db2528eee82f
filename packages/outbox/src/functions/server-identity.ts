import type { SqlFunction } from './sql-function.ts'

export const serverIdentity: SqlFunction = {
  signature: 'server_identity()',
  sql: (s) => `
-- Differs after a restart, on a standby, on an older copy and in a copy of the database beside it. Where the timeline can't be read,
-- it is the start and the database alone.
create or replace function ${s}.server_identity() returns text language plpgsql stable as $$
declare
  started text := extract(epoch from pg_postmaster_start_time())::text || '-' || (select oid from pg_database where datname = current_database());
begin
  return started || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
exception when object_not_in_prerequisite_state or insufficient_privilege or feature_not_supported then
  return started;
end $$;`,
}
