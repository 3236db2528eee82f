import type { Migration } from '../migrate.ts'

/** Which projections are being built anew beside the live ones. */
export const rebuilds: Migration = {
  version: 6,
  name: 'rebuilds',
  sql: (s) => `
create table ${s}.rebuild (
  -- Every rebuild has a group and a schema of its own, so that a worker left over from an earlier one can't touch it.
  id bigint generated always as identity primary key,
  grp text not null unique,
  shadow_group text not null generated always as (grp || '~' || id::text) stored,
  shadow_schema text not null generated always as (left('${s}', 40) || '_rebuild_' || id::text) stored,
  -- Events that are no longer kept may be passed over.
  from_kept boolean not null,
  asked_at timestamptz not null default clock_timestamp(),
  -- The live tables, qualified and quoted; null until a worker has made the shadow.
  tables text[],
  -- A try to switch over may stop the live group for a moment: all workers together make one now and then.
  next_try_at timestamptz not null default '-infinity',
  -- What it waits for.
  trouble text
);

-- Whoever fills a shadow shares this lock; whoever takes the shadow away waits for them.
create function ${s}.lock_shadow(of_id bigint, is_shared boolean) returns void language plpgsql volatile as $$
begin
  if is_shared then perform pg_advisory_xact_lock_shared(hashtextextended('${s}.rebuild.' || of_id, 0));
  else perform pg_advisory_xact_lock(hashtextextended('${s}.rebuild.' || of_id, 0)); end if;
end $$;

-- Removes what is left of a group's rebuilds that have ended. A worker that has not heard of the end yet may bring some of
-- it back, so it calls this once more when it has.
create function ${s}.forget_shadows(of_group text) returns void language plpgsql volatile as $$
begin
  delete from ${s}.group_offset as o where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = o.grp);
  delete from ${s}.parked as p where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = p.grp);
  delete from ${s}.member as m where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = m.grp);
  delete from ${s}.lease as l where starts_with(grp, of_group || '~') and not exists (
    select from ${s}.rebuild where shadow_group = l.grp);
end $$;

create function ${s}.end_rebuild(of_id bigint) returns boolean language plpgsql volatile as $$
declare
  ending ${s}.rebuild;
begin
  select * into ending from ${s}.rebuild where id = of_id for update;
  if not found then return false; end if;
  perform ${s}.lock_shadow(of_id, false);
  execute format('drop schema if exists %I cascade', ending.shadow_schema);
  delete from ${s}.rebuild where id = of_id;
  perform ${s}.forget_shadows(ending.grp);
  return true;
end $$;`,
}
