import type { SqlFunction } from './sql-function.ts'

/**
 * One worker's renewal. A lease is held by its owner's row in `member`, the only row that an idle renewal writes. Its own
 * end, `expires_at`, is for workers of earlier releases, which look at nothing else; it is moved on now and then.
 */
export const renewLeases: SqlFunction = {
  signature: 'renew_leases(text, text, int, text[], bigint, bigint[], int[], boolean)',
  sql: (s) => `
-- Says that the worker lives, takes what is free up to its fair share, ceil(partitions / living members), and gives back what
-- is over it, unless it is at work there: that is returned as over, to be given back when the work has ended. One that leaves
-- has no share. Returns what it holds, and the other owners that are known. Waits for no other worker.
create or replace function ${s}.renew_leases(of_group text, me text, my_ttl_ms int, gone text[], my_release bigint, yields_to bigint[], busy int[], is_leaving boolean)
returns table (partition int, term text, progress text, is_over boolean, other text) language plpgsql volatile as $$
#variable_conflict use_column
declare
  my_ttl interval := make_interval(secs => my_ttl_ms / 1000.0);
  kept_for interval := greatest(my_ttl, interval '1 minute');
  has_lapsed boolean := not exists (select from ${s}.active_members(of_group, my_ttl_ms) where owner = me);
  yields boolean;
  size int;
begin
  if not exists (select from ${s}.lease where group_name = of_group) then
    insert into ${s}.lease (group_name, partition)
    select of_group, generate_series(0, partitions - 1) from ${s}.topic on conflict do nothing;
  end if;
  -- The server's clock went back: who was seen in what is the future now counts as seen now, and has one time to live.
  if exists (select from ${s}.member where group_name = of_group and seen_at > clock_timestamp() + my_ttl) then
    update ${s}.member set seen_at = clock_timestamp()
    where group_name = of_group and owner in (
      select owner from ${s}.member where group_name = of_group and seen_at > clock_timestamp() + my_ttl for update skip locked);
  end if;

  select is_leaving or coalesce(bool_or(release = any(yields_to)), false),
    ceil((select partitions from ${s}.topic)::numeric / (1 + count(*) filter (where not is_yielding)))
  into yields, size
  from ${s}.active_members(of_group, my_ttl_ms) where owner <> me and owner <> all(gone);
  if yields then size := 0; end if;

  insert into ${s}.member (group_name, owner, seen_at, ttl_ms, release, is_yielding)
  values (of_group, me, clock_timestamp(), my_ttl_ms, my_release, yields)
  on conflict (group_name, owner) do update set seen_at = excluded.seen_at, ttl_ms = excluded.ttl_ms,
    release = excluded.release, is_yielding = excluded.is_yielding;
  delete from ${s}.member where group_name = of_group and owner in (
    select owner from ${s}.member
    where group_name = of_group and (owner = any(gone)
      or seen_at < clock_timestamp() - 10 * make_interval(secs => coalesce(ttl_ms, my_ttl_ms) / 1000.0))
    for update skip locked);

  -- The highest partitions over the share; what a transaction of ours is just committing under goes with the next renewal.
  update ${s}.lease set owner = '', expires_at = '-infinity'
  where group_name = of_group and owner = me and partition in (
    select partition from ${s}.lease where group_name = of_group and owner = me and partition in (
      select partition from ${s}.lease where group_name = of_group and owner = me order by partition offset size)
      and partition <> all(busy)
    for update skip locked);
  -- Another worker may just be taking what lapsed: wait for it, and keep what it did not take, with its term.
  update ${s}.lease set expires_at = clock_timestamp() + kept_for
  where group_name = of_group and owner = me and (has_lapsed or partition in (
    select partition from ${s}.lease
    where group_name = of_group and owner = me and expires_at not between clock_timestamp() + kept_for / 2 and clock_timestamp() + kept_for * 2
    for update skip locked));
  -- Only what is still as this statement's snapshot shows it: who is newer than that may have taken it.
  with free as (
    select partition, term, expires_at from ${s}.lease
    where group_name = of_group and owner <> me and owner not in (
      select owner from ${s}.active_members(of_group, my_ttl_ms) where owner <> all(gone))
  ), taken as (
    select lease.partition from ${s}.lease join free using (partition, term, expires_at)
    where lease.group_name = of_group
    order by lease.partition
    limit greatest(0, size - (select count(*) from ${s}.lease where group_name = of_group and owner = me))
    for update of lease skip locked
  )
  update ${s}.lease set owner = me, term = term + 1, expires_at = clock_timestamp() + kept_for
  where group_name = of_group and partition in (select partition from taken);

  return query
    select partition::int, term::text, (
        select max(number) from ${s}.group_offset as o where o.group_name = of_group and o.partition = lease.partition
      )::text, row_number() over (order by partition) > size, null::text
    from ${s}.lease where group_name = of_group and owner = me
    union all
    select null, null, null, false, owner from (
      select owner from ${s}.lease where group_name = of_group union select owner from ${s}.member where group_name = of_group
    ) as known
    where owner not in ('', me) and owner <> all(gone);
end $$;`,
}
