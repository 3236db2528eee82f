import type { Migration } from './migration.ts'

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
`,
}
