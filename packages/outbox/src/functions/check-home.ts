import type { SqlFunction } from './sql-function.ts'
import { restoredState, startedAnewState } from './sql-states.ts'

export const checkHome: SqlFunction = {
  signature: 'check_home(timestamptz)',
  sql: (s) => `
-- Passes where transaction ids go on, and returns when the server was started: another start may be that of an older copy,
-- so whoever knows of pages from before has to look at all of them again. Some 20 microseconds: it is asked for each page.
create or replace function ${s}.check_home(started timestamptz default null) returns timestamptz language plpgsql as $$
declare
  known record;
  here record;
begin
  if started <> pg_postmaster_start_time() then
    raise exception 'The database server was started anew, at %.', pg_postmaster_start_time() using errcode = '${startedAnewState}';
  end if;
  select * into known from ${s}.topic;
  select * into here from ${s}.here();
  if known.database = here.database
    and coalesce(known.system_identifier = here.system_identifier, true) then return pg_postmaster_start_time(); end if;
  if exists (select from ${s}.read_home() as home
    where home.database = here.database and home.system_identifier <> here.system_identifier)
  then
    -- Copied file by file under another identifier, as pg_upgrade does.
    update ${s}.topic set system_identifier = here.system_identifier;
    return pg_postmaster_start_time();
  end if;
  raise exception 'This database is a copy: epoch % of the topic was made in database % of cluster %, this is database % of cluster %. '
    'Nothing is given here.', known.epoch, known.database, known.system_identifier, here.database, here.system_identifier
    using errcode = '${restoredState}',
      hint = format('If it takes the place of the other, run "commitcast topic new-epoch --from %s"; else stop this relay.', known.epoch);
end $$;`,
}
