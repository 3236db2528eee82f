import type { Migration } from './migration.ts'

/**
 * Which event types each release of a group handles, so that a worker of an older release does not pass over the events of
 * a newer one.
 */
export const groupReleases: Migration = {
  version: 11,
  name: 'group releases',
  sql: (s) => `
-- Insert-only. The newest release of a group is the row with the highest number, and of those the highest id. Two writers
-- that register the same release at once make two equal rows, so that neither waits for the other's transaction.
create table ${s}.group_release (
  id bigint generated always as identity primary key,
  grp text not null,
  -- The application's own number, or that of the newest release before.
  number bigint not null,
  -- Sorted.
  types text[] not null,
  tx xid8 not null default pg_current_xact_id(),
  registered_at timestamptz not null default clock_timestamp()
);
create index group_release_newest on ${s}.group_release (grp, number, id);

alter table ${s}.member
  add column release bigint,
  -- It takes no partitions while a member of a newer release lives.
  add column is_yielding boolean not null default false;`,
}
