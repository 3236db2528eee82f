import type { SqlFunction } from './sql-function.ts'

export const registerReleases: SqlFunction = {
  signature: 'register_releases(json)',
  sql: (s) => `
-- Takes a JSON array of {grp, types, number?}, types sorted. A role that may only append calls it, too.
create or replace function ${s}.register_releases(releases json) returns table (grp text, id bigint, is_committed boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  own_tx xid8 := coalesce(pg_current_xact_id_if_assigned(), '0');
begin
  -- A process registers once: a crash must not lose it.
  perform set_config('synchronous_commit', 'on', true);
  return query
    with wanted as (
      select * from json_to_recordset(releases) as wanted(grp text, types text[], number bigint)
    ), known as (
      select distinct on (wanted.grp) wanted.grp, release.id, release.tx <> own_tx as is_committed
      from wanted join ${s}.group_release as release on release.grp = wanted.grp and release.types = wanted.types
        and (wanted.number is null or release.number = wanted.number)
      order by wanted.grp, release.tx = own_tx, release.id
    ), added as (
      insert into ${s}.group_release (grp, number, types)
      select wanted.grp, coalesce(number, (
        select max(release.number) from ${s}.group_release as release where release.grp = wanted.grp), 0), types
      from wanted where wanted.grp not in (select known.grp from known)
      returning group_release.grp, group_release.id
    )
    select known.grp, known.id, known.is_committed from known
    union all select added.grp, added.id, false from added;
end $$;`,
}
