import type { SqlFunction } from './sql-function.ts'
import { restoredState, startedAnewState } from './sql-states.ts'

export const checkCluster: SqlFunction = {
  signature: 'check_cluster(timestamptz)',
  sql: (s) => `
-- Passes where the transaction ids of the tables continue, and returns when the server was started: another start may be that
-- of an older copy, so a caller that knows pages from before has to read all of them again. Takes some 20 microseconds: it is
-- called for each page.
create or replace function ${s}.check_cluster(started timestamptz default null) returns timestamptz language plpgsql as $$
declare
  known record;
  present record;
begin
  if started <> pg_postmaster_start_time() then
    raise exception 'The database server was started anew, at %.', pg_postmaster_start_time() using errcode = '${startedAnewState}';
  end if;
  select * into known from ${s}.topic;
  select * into present from ${s}.this_cluster();
  if known.database = present.database
    and coalesce(known.system_identifier = present.system_identifier, true) then return pg_postmaster_start_time(); end if;
  if exists (select from ${s}.read_cluster_identity() as identity
    where identity.database = present.database and identity.system_identifier <> present.system_identifier)
  then
    -- Copied file by file under another identifier, as pg_upgrade does.
    update ${s}.topic set system_identifier = present.system_identifier;
    return pg_postmaster_start_time();
  end if;
  raise exception 'This database is a copy: epoch % of the topic was made in database % of cluster %, this is database % of cluster %. '
    'No offsets are assigned here.', known.epoch, known.database, known.system_identifier, present.database, present.system_identifier
    using errcode = '${restoredState}',
      hint = format('If it replaces the other, run "commitcast topic new-epoch --from %s"; else stop this relay.', known.epoch);
end $$;`,
}
