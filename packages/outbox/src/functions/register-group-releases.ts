import type { SqlFunction } from './sql-function.ts'

export const registerGroupReleases: SqlFunction = {
  signature: 'register_group_releases(json)',
  sql: (s) => `
-- Takes a JSON array of {group_name, types, number?}, types sorted. A role that may only append calls it, too.
create or replace function ${s}.register_group_releases(releases json) returns table (group_name text, id bigint, is_committed boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  own_tx xid8 := coalesce(pg_current_xact_id_if_assigned(), '0');
begin
  -- A process registers once: a crash must not lose it.
  perform set_config('synchronous_commit', 'on', true);
  return query
    with wanted as (
      select * from json_to_recordset(releases) as wanted(group_name text, types text[], number bigint)
    ), known as (
      select distinct on (wanted.group_name) wanted.group_name, release.id, release.tx <> own_tx as is_committed
      from wanted join ${s}.group_release as release on release.group_name = wanted.group_name and release.types = wanted.types
        and (wanted.number is null or release.number = wanted.number)
      order by wanted.group_name, release.tx = own_tx, release.id
    ), added as (
      insert into ${s}.group_release (group_name, number, types)
      select wanted.group_name, coalesce(number, (
        select max(release.number) from ${s}.group_release as release where release.group_name = wanted.group_name), 0), types
      from wanted where wanted.group_name not in (select known.group_name from known)
      returning group_release.group_name, group_release.id
    )
    select known.group_name, known.id, known.is_committed from known
    union all select added.group_name, added.id, false from added;
end $$;`,
}
