-- How workers renewed before migration 13. $1 group, $2 owner, $3 time to live in ms, $4 owners that are gone, $5 release, $6 releases to yield to.
with yielding as (
  select exists (
    select from commitcast.member
    where group_name = $1 and release = any($6::bigint[]) and owner <> all($4)
      and seen_at > clock_timestamp() - make_interval(secs => $3 / 1000.0)
  ) as yields
), me as (
  insert into commitcast.member (group_name, owner, seen_at, release, is_yielding)
  select $1, $2, clock_timestamp(), $5::bigint, yields from yielding
  on conflict (group_name, owner) do update
  set seen_at = excluded.seen_at, release = excluded.release, is_yielding = excluded.is_yielding
), buried as (
  delete from commitcast.member
  where group_name = $1 and (owner = any($4) or seen_at < clock_timestamp() - make_interval(secs => 10 * $3 / 1000.0))
), share as (
  select case when yields then 0 else ceil((select partitions from commitcast.topic)::numeric / (1 + (
    select count(*) from commitcast.member
    where group_name = $1 and owner <> $2 and owner <> all($4) and not is_yielding
      and seen_at > clock_timestamp() - make_interval(secs => $3 / 1000.0)
  )))::int end as size from yielding
), mine as (
  select partition from commitcast.lease
  where group_name = $1 and owner = $2
  order by partition for update
), keep as (
  select partition from mine order by partition limit (select size from share)
), free as (
  select partition from commitcast.lease
  where group_name = $1 and owner <> $2 and (owner = any($4) or expires_at <= clock_timestamp())
  order by partition
  limit greatest(0, (select size from share) - (select count(*) from mine))
  for update skip locked
), taken as (
  update commitcast.lease l set
    owner = case when l.partition in (select partition from keep union select partition from free) then $2 else '' end,
    term = case when l.partition in (select partition from free) then l.term + 1 else l.term end,
    expires_at = case when l.partition in (select partition from keep union select partition from free)
      then clock_timestamp() + make_interval(secs => $3 / 1000.0) else '-infinity' end
  where l.group_name = $1 and l.partition in (select partition from mine union select partition from free)
  returning l.partition, l.term, l.owner
), here as materialized (
  select commitcast.server_identity() as server
)
(select partition::int, term::text, owner, server, (
    select max(number) from commitcast.group_offset as o where o.group_name = $1 and o.partition = taken.partition
  )::text as progress from taken cross join here where owner = $2 order by partition)
union all
select -1, null, null, server, null from here
union all
select -1, null, owner, server, null from here cross join (
  select owner from commitcast.lease where group_name = $1 union select owner from commitcast.member where group_name = $1
) as known where owner <> '' and owner <> $2 and owner <> all($4)
