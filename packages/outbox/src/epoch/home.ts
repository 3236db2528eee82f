/** SQLSTATEs of a database whose transaction ids can't be trusted any more. Class OB is ours. */
export const restoredState = 'OB001'
export const wentBackState = 'OB002'
/** SQLSTATE: what is remembered of the database has to be asked for again. */
const startedAnewState = 'OB004'

/**
 * Where the transaction ids in the tables come from. `topic` remembers the cluster and database that the present epoch was
 * made on. `home` is a materialized view of the same that nobody refreshes: a copy file by file (a base backup, a
 * fail-over, pg_upgrade) brings it along as it was, but pg_restore computes it anew when all rows are there. So, where
 * `topic` differs from the server, it tells a restored dump, whose ids mean nothing here, from an upgrade, whose ids go on;
 * and it holds the highest position that came with the dump.
 */
export function homeSql(s: string): string {
  return `
-- The system identifier is null where this role may not read it; then only the database's oid tells.
create function ${s}.here() returns table (system_identifier bigint, database oid) language plpgsql stable as $$
begin
  return query select (select control.system_identifier from pg_control_system() as control),
    (select oid from pg_database where datname = current_database());
exception when insufficient_privilege then
  return query select null::bigint, oid from pg_database where datname = current_database();
end $$;

alter table ${s}.topic add system_identifier bigint, add database oid,
  -- Positions up to here are from before a restore: the transaction ids of these events mean nothing here.
  add restored_up_to bigint not null default 0;
update ${s}.topic set (system_identifier, database) = (select here.system_identifier, here.database from ${s}.here() as here);

create materialized view ${s}.home as
  select here.system_identifier, here.database, (select max(position) from ${s}.outbox) as position from ${s}.here() as here;

-- A dump that was restored without post-data leaves the view empty.
create function ${s}.read_home() returns table (system_identifier bigint, database oid, "position" bigint)
language plpgsql stable as $$
begin
  return query select home.system_identifier, home.database, coalesce(home.position, 0) from ${s}.home;
exception when object_not_in_prerequisite_state then
  return;
end $$;

-- Passes where transaction ids go on, and returns when the server was started: another start may be that of an older copy,
-- so whoever knows of pages from before has to look at all of them again. Some 20 microseconds: it is asked for each page.
create function ${s}.check_home(started timestamptz default null) returns timestamptz language plpgsql as $$
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
end $$;
`
}
