import type { Migration } from './migration.ts'

/**
 * Two tables for one event: `refused` says for ever that its offset holds a placeholder, so it outlives whatever an
 * operator does and goes with the page log; `parked` is the copy that the operator handles.
 */
export const parkEvents: Migration = {
  version: 3,
  name: 'park events',
  sql: (s) => `
create table ${s}.refused (
  epoch int not null,
  partition smallint not null,
  "offset" bigint not null,
  primary key (epoch, partition, "offset")
);

create table ${s}.parked (
  id bigint generated always as identity primary key,
  grp text not null,
  epoch int not null,
  partition smallint not null,
  "offset" bigint not null,
  event_id uuid not null,
  type text not null,
  key text not null,
  data json not null,
  headers json not null,
  occurred_at timestamptz not null,
  reason text not null,
  parked_at timestamptz not null default clock_timestamp(),
  unique (grp, epoch, partition, "offset")
);
`,
}
