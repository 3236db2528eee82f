import type { Migration } from './migration.ts'

/** The outbox, the page log, leases. */
export const createOutbox: Migration = {
  version: 1,
  name: 'create outbox',
  sql: (s, { partitions, maxEventBytes }) => `
create table ${s}.topic (
  single boolean primary key default true check (single),
  epoch int not null default 1 check (epoch > 0),
  partitions smallint not null check (partitions between 1 and 1024),
  max_event_bytes int not null,
  leaves_until timestamptz not null default '-infinity'
);
insert into ${s}.topic (partitions, max_event_bytes) values (${partitions}, ${maxEventBytes});

-- "tx" stands before "position": a transaction has its id before it draws a position, so whoever got its id after a
-- snapshot was taken has positions above everything that the snapshot showed. The windows rely on it.
create table ${s}.outbox (
  tx xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity (cache 1),
  partition smallint not null,
  id uuid not null,
  type text not null,
  key text not null,
  data json not null,
  headers json not null default '{}',
  occurred_at timestamptz not null default clock_timestamp()
) partition by range (occurred_at);
create index outbox_position on ${s}.outbox (partition, position);
create index outbox_tx on ${s}.outbox (tx, partition, position);

create trigger outbox_place before insert on ${s}.outbox for each row execute function ${s}.place_event();

create trigger outbox_append_only before update or delete on ${s}.outbox
  for each row execute function ${s}.refuse_change();
create trigger outbox_no_truncate before truncate on ${s}.outbox
  for each statement execute function ${s}.refuse_change();

-- The page log: which events have which offsets. Insert-only; the newest row of a partition is its progress.
create table ${s}.page (
  epoch int not null,
  partition smallint not null,
  -- 0 is no event's: a page there is where an epoch after the first begins.
  first_offset bigint not null check (first_offset >= 0),
  count int not null check (count > 0),
  term bigint not null,
  from_snapshot pg_snapshot not null,
  from_next xid8 not null,
  to_snapshot pg_snapshot not null,
  to_next xid8 not null,
  floor bigint not null,
  after_position bigint not null,
  last_position bigint not null,
  window_done boolean not null,
  given_at timestamptz not null default clock_timestamp(),
  primary key (epoch, partition, first_offset)
);

create table ${s}.lease (
  grp text not null,
  partition smallint not null,
  owner text not null default '',
  term bigint not null default 0,
  expires_at timestamptz not null default '-infinity',
  primary key (grp, partition)
);
create table ${s}.member (
  grp text not null,
  owner text not null,
  seen_at timestamptz not null,
  primary key (grp, owner)
);

-- A row per relay that sleeps; while there is one, appenders notify.
create table ${s}.sleeper (owner text primary key);

alter table ${s}.outbox alter column id set default ${s}.uuid_v7();
`,
}
