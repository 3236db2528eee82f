import type { Migration } from './migration.ts'

/** Event-sourced aggregates: their events for good, and snapshots of their states. */
export const aggregates: Migration = {
  version: 19,
  name: 'aggregates',
  sql: (s) => `
-- Insert-only. The primary key is the compare-and-set. Retention does not touch it.
create table ${s}.aggregate_event (
  aggregate text collate "C" not null,
  key text collate "C" not null,
  -- Gapless from 1.
  version bigint not null,
  -- As in the outbox.
  id uuid not null,
  type text not null,
  data json not null,
  headers json not null,
  appended_at timestamptz not null,
  -- The octets of data and headers.
  bytes int not null,
  primary key (aggregate, key, version)
);

create table ${s}.aggregate_snapshot (
  aggregate text collate "C" not null,
  key text collate "C" not null,
  -- The version of the code that made the state.
  reducer int not null,
  -- Of the last event that the state shows.
  version bigint not null,
  state json not null,
  -- Type notes on what JSON has no type for.
  notes text,
  taken_at timestamptz not null default clock_timestamp(),
  primary key (aggregate, key, reducer)
);`,
}
