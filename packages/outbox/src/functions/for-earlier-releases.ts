import { newNames } from '../migrations/0017-new-names.ts'
import type { SqlFunction } from './sql-function.ts'
import { workerOutdatedState } from './sql-states.ts'

/**
 * Functions under the names that they had before migration 17. Processes of earlier releases that append events or serve live
 * queries continue to work; their workers get an error before they hold a lease, because they name tables and columns that
 * have other names now.
 */
export const forEarlierReleases: readonly SqlFunction[] = [
  {
    signature: 'check_home(timestamptz)',
    sql: (s) => `
create or replace function ${s}.check_home(started timestamptz default null) returns timestamptz language sql
as 'select ${s}.check_cluster(started)';`,
  },
  {
    signature: 'shown_up_to(pg_snapshot)',
    sql: (s) => `
create or replace function ${s}.shown_up_to(of_snapshot pg_snapshot) returns table (partition smallint, "offset" bigint) language sql stable
as 'select * from ${s}.visible_up_to(of_snapshot)';`,
  },
  {
    signature: 'register_releases(json)',
    sql: (s) => `
create or replace function ${s}.register_releases(releases json) returns table (grp text, id bigint, is_committed boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select registered.* from ${s}.register_group_releases((
    select json_agg(json_build_object('group_name', wanted.grp, 'types', wanted.types, 'number', wanted.number))
    from json_to_recordset(releases) as wanted(grp text, types text[], number bigint))) as registered
$$;`,
  },
  refused('make_leaves(int)', 'make_leaves(days_ahead int) returns void'),
  refused(
    'renew_leases(text, text, int, json, bigint, json, json, boolean)',
    `renew_leases(of_group text, me text, my_ttl_ms int, gone json, my_release bigint, yields_to json, busy json, is_leaving boolean)
returns table (partition int, term text, progress text, is_over boolean, other text)`,
  ),
]

/** What every worker of an earlier release calls before it does any work. */
function refused(signature: string, declaration: string): SqlFunction {
  return {
    signature,
    sql: (s) => `
create or replace function ${s}.${declaration} language plpgsql as $$
begin
  raise exception 'This worker is of an earlier release than the tables in schema "${s}", which migration ${newNames.version} has renamed.'
    using errcode = '${workerOutdatedState}', hint = 'Stop it, and start a worker of the release that migrated the tables.';
end $$;`,
  }
}
