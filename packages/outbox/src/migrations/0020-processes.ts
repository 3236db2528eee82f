import type { Migration } from './migration.ts'

/** Process managers: their instances, what each did, and events that wait for an instance to be created. */
export const processes: Migration = {
  version: 20,
  name: 'processes',
  sql: (s) => `
create table ${s}.process_instance (
  process text not null,
  instance text not null,
  incarnation int not null,
  status text not null,
  state json not null,
  notes text,
  version int not null,
  timeouts json not null,
  taken bigint not null,
  ignored bigint not null,
  started_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  primary key (process, instance)
) with (fillfactor = 70);
create index process_instance_finished on ${s}.process_instance (process, finished_at) where finished_at is not null;

create table ${s}.process_history (
  number bigint generated always as identity,
  process text not null,
  instance text not null,
  incarnation int not null,
  at timestamptz not null default clock_timestamp(),
  input text not null,
  event_id uuid not null,
  outcome text not null,
  from_status text,
  to_status text,
  outputs json,
  timeouts json,
  primary key (process, number)
);
create index process_history_instance on ${s}.process_history (process, instance, number);

create table ${s}.process_held (
  number bigint generated always as identity,
  process text not null,
  instance text not null,
  epoch int not null,
  partition smallint not null,
  "offset" bigint not null,
  event_id uuid not null,
  type text not null,
  key text not null,
  data json not null,
  headers json not null,
  occurred_at timestamptz not null,
  tx xid8 not null,
  held_at timestamptz not null default clock_timestamp(),
  primary key (process, instance, number)
);

alter table ${s}.parked add column instance text;
create index parked_instance on ${s}.parked (group_name, instance, id) where instance is not null;`,
}
