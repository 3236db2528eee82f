import type { Migration } from './migration.ts'

/**
 * How far each consumer group is, and what it parked. Offsets are inserted, never updated: a row that is updated for each
 * batch slows to a crawl while somebody's old transaction keeps its versions alive.
 */
export const consumerGroups: Migration = {
  version: 5,
  name: 'consumer groups',
  sql: (s) => `
-- The newest row of a group's partition is its progress.
create table ${s}.group_offset (
  grp text not null,
  partition smallint not null,
  number bigint generated always as identity (cache 1),
  epoch int not null,
  -- The last one that is done; 0 before the first.
  "offset" bigint not null check ("offset" >= 0),
  -- A start: what is no longer kept may be passed over.
  is_start boolean not null default false,
  committed_at timestamptz not null default clock_timestamp(),
  primary key (grp, partition, number)
);

alter table ${s}.parked
  -- How often it was tried; 0 for one that only waits behind another of its key.
  add column attempts int not null default 1,
  -- Somebody asked for another try.
  add column retry boolean not null default false,
  add column tx xid8;

-- Who did what to parked events; 90 days of it.
create table ${s}.parked_history (
  number bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null default session_user,
  action text not null check (action in ('parked', 'retried', 'failed again', 'done', 'dropped', 'reset')),
  parked_id bigint not null,
  grp text not null,
  event_id uuid not null,
  type text not null,
  key text not null,
  reason text not null
);
create index parked_history_at on ${s}.parked_history (at);
`,
}
