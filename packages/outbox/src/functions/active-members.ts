import type { SqlFunction } from './sql-function.ts'

export const activeMembers: SqlFunction = {
  signature: 'active_members(text, int)',
  sql: (s) => `
-- The members of a group that renewed within their time to live; a row without one has that of the caller.
create or replace function ${s}.active_members(of_group text, ttl_ms int default 3500) returns setof ${s}.member language sql stable as $$
  select * from ${s}.member as m
  where m.group_name = of_group and m.seen_at > clock_timestamp() - make_interval(secs => coalesce(m.ttl_ms, $2) / 1000.0)
$$;`,
}
