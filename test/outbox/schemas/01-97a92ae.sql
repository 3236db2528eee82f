begin;
select pg_advisory_xact_lock(hashtextextended('commitcast.migrate', 0));
create schema if not exists commitcast;
create table if not exists commitcast.migration (
  version int primary key, name text not null, applied_at timestamptz not null default clock_timestamp());
do $migration$ begin
if not exists (select from commitcast.migration where version = 1) then

create table commitcast.topic (
  single boolean primary key default true check (single),
  epoch int not null default 1 check (epoch > 0),
  partitions smallint not null check (partitions between 1 and 1024)
);
insert into commitcast.topic (partitions) values (4);

-- "tx" stands before "position": a transaction has its id before it draws a position, so whoever is newer than a
-- snapshot also has positions above everything that the snapshot showed. The windows rely on it.
create table commitcast.outbox (
  tx xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity (cache 1),
  partition smallint not null generated always as
    ((('x' || substr(md5(key), 1, 8))::bit(32)::bigint % 4)::smallint) stored,
  id uuid not null,
  type text not null check (length(type) <= 200 and type ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$'),
  key text not null check (length(key) between 1 and 500),
  data json not null check (octet_length(data::text) <= 786432),
  headers json not null default '{}' check (octet_length(headers::text) <= 16384),
  occurred_at timestamptz not null default clock_timestamp()
) partition by range (occurred_at);
create index outbox_position on commitcast.outbox (partition, position);
create index outbox_tx on commitcast.outbox (tx, partition, position);

create function commitcast.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'The outbox is append-only: % on % is refused.', tg_op, tg_table_name
    using hint = 'Old events go by retention, whole days at a time. To take one back, append another event.';
end $$;
create trigger outbox_append_only before update or delete on commitcast.outbox
  for each row execute function commitcast.refuse_change();
create trigger outbox_no_truncate before truncate on commitcast.outbox
  for each statement execute function commitcast.refuse_change();

-- Leaves are attached, never made with PARTITION OF: that would make every append wait for it.
create function commitcast.make_leaves(days_ahead int) returns void language plpgsql as $$
declare
  day date;
  leaf text;
begin
  perform pg_advisory_xact_lock(hashtextextended('commitcast.make_leaves', 0));
  for day in select d::date from generate_series(
    (now() at time zone 'utc')::date - 1, (now() at time zone 'utc')::date + days_ahead, interval '1 day') d
  loop
    leaf := 'outbox_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('commitcast.' || leaf) is not null;
    execute format('create table commitcast.%I (like commitcast.outbox including defaults including generated including constraints)', leaf);
    execute format('create trigger outbox_no_truncate before truncate on commitcast.%I
      for each statement execute function commitcast.refuse_change()', leaf);
    execute format('alter table commitcast.outbox attach partition commitcast.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
end $$;

-- The page log: which events have which offsets. Insert-only; the newest row of a partition is its progress.
create table commitcast.page (
  epoch int not null,
  partition smallint not null,
  first_offset bigint not null check (first_offset > 0),
  count int not null check (count > 0),
  term bigint not null,
  from_snapshot pg_snapshot not null,
  to_snapshot pg_snapshot not null,
  floor bigint not null,
  after_position bigint not null,
  last_position bigint not null,
  window_done boolean not null,
  given_at timestamptz not null default clock_timestamp(),
  primary key (epoch, partition, first_offset)
);

create table commitcast.lease (
  grp text not null,
  partition smallint not null,
  owner text not null default '',
  term bigint not null default 0,
  expires_at timestamptz not null default '-infinity',
  primary key (grp, partition)
);
create table commitcast.member (
  grp text not null,
  owner text not null,
  seen_at timestamptz not null,
  primary key (grp, owner)
);

-- A row per relay that sleeps; while there is one, appenders notify.
create table commitcast.sleeper (owner text primary key);

-- A UUIDv7 (RFC 9562): milliseconds since 1970, then random bits.
create function commitcast.uuid_v7() returns uuid language sql volatile as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;
alter table commitcast.outbox alter column id set default commitcast.uuid_v7();

-- Takes a JSON array of {type, key, data, id?, headers?}; appends them in its order.
create function commitcast.append_all(events json) returns setof uuid language plpgsql volatile as $$
begin
  perform pg_current_xact_id();
  return query
    insert into commitcast.outbox (id, type, key, data, headers)
    select coalesce((e.event ->> 'id')::uuid, commitcast.uuid_v7()), e.event ->> 'type', e.event ->> 'key',
      coalesce(e.event -> 'data', 'null'), coalesce(e.event -> 'headers', '{}')
    from json_array_elements(events) with ordinality as e(event, place) order by e.place
    returning outbox.id;
  perform commitcast.wake_relay();
end $$;

create function commitcast.append(type text, key text, data json, headers json default '{}') returns uuid
language plpgsql volatile as $$
declare
  appended uuid;
begin
  perform pg_current_xact_id();
  insert into commitcast.outbox (type, key, data, headers) values (type, key, data, headers) returning id into appended;
  perform commitcast.wake_relay();
  return appended;
end $$;

-- NOTIFY takes a lock of the whole cluster at commit, so it is done only while a relay sleeps. A snapshot older than
-- this statement (repeatable read) can't tell, so it notifies. SET commitcast.notify = off where NOTIFY is forbidden.
create function commitcast.wake_relay() returns void language plpgsql volatile as $$
begin
  if coalesce(current_setting('commitcast.notify', true), '') = 'off' then return; end if;
  if current_setting('transaction_isolation') <> 'read committed' or exists (select from commitcast.sleeper) then
    perform pg_notify('commitcast', '');
  end if;
end $$;

insert into commitcast.migration (version, name) values (1, 'create outbox');
end if;
end $migration$;
select commitcast.make_leaves(7);
commit;
