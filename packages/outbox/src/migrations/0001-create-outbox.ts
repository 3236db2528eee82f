import { reservedPrefix } from '@commitcast/events'
import type { Migration } from '../migrate.ts'
import { givePagesFunction } from '../pages/give-pages.ts'
import { readPagesFunction } from '../pages/read-pages.ts'

/** The outbox, the page log, leases, and the functions that writers call. */
export const createOutbox: Migration = {
  version: 1,
  name: 'create outbox',
  sql: (s, { partitions, maxEventBytes }) => `
create table ${s}.topic (
  single boolean primary key default true check (single),
  epoch int not null default 1 check (epoch > 0),
  partitions smallint not null check (partitions between 1 and 1024),
  leaves_until timestamptz not null default '-infinity'
);
insert into ${s}.topic (partitions) values (${partitions});

-- "tx" stands before "position": a transaction has its id before it draws a position, so whoever got its id after a
-- snapshot was taken has positions above everything that the snapshot showed. The windows rely on it.
create table ${s}.outbox (
  tx xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity (cache 1),
  partition smallint not null generated always as
    ((('x' || substr(md5(key), 1, 8))::bit(32)::bigint % ${partitions})::smallint) stored,
  id uuid not null,
  type text not null check (length(type) <= 200 and type ~ '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$')
    constraint type_is_not_reserved check (type not like '${reservedPrefix}%'),
  key text not null check (length(key) between 1 and 500),
  data json not null check (octet_length(data::text) <= ${maxEventBytes}),
  headers json not null default '{}' check (octet_length(headers::text) <= 16384),
  occurred_at timestamptz not null default clock_timestamp()
) partition by range (occurred_at);
create index outbox_position on ${s}.outbox (partition, position);
create index outbox_tx on ${s}.outbox (tx, partition, position);

create function ${s}.refuse_change() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return old; end if;
  raise exception 'The outbox is append-only: % on % is refused.', tg_op, tg_table_name
    using hint = 'Old events go by retention, whole days at a time. To take one back, append another event.';
end $$;
create trigger outbox_append_only before update or delete on ${s}.outbox
  for each row execute function ${s}.refuse_change();
create trigger outbox_no_truncate before truncate on ${s}.outbox
  for each statement execute function ${s}.refuse_change();

-- Leaves are attached, never made with PARTITION OF: that would make every append wait for it. The relay makes them ahead
-- of time; where none has run for days, an appender does, whatever its own rights.
create function ${s}.make_leaves(days_ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  day date := (clock_timestamp() at time zone 'utc')::date + days_ahead;
  leaf text;
begin
  perform pg_advisory_xact_lock(hashtextextended('${s}.make_leaves', 0));
  for day in select d::date from generate_series(
    (clock_timestamp() at time zone 'utc')::date - 1, (clock_timestamp() at time zone 'utc')::date + days_ahead, interval '1 day') d
  loop
    leaf := 'outbox_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('${s}.' || leaf) is not null;
    execute format('create table ${s}.%I (like ${s}.outbox including defaults including generated including constraints)', leaf);
    execute format('create trigger outbox_no_truncate before truncate on ${s}.%I
      for each statement execute function ${s}.refuse_change()', leaf);
    execute format('alter table ${s}.outbox attach partition ${s}.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update ${s}.topic set leaves_until = (day + 1)::timestamp at time zone 'utc'
  where leaves_until < (day + 1)::timestamp at time zone 'utc';
end $$;

-- What every append does first: draws its transaction id, and makes sure that there is a leaf for now.
create function ${s}.before_append() returns void language plpgsql volatile as $$
begin
  perform pg_current_xact_id();
  if clock_timestamp() >= (select leaves_until from ${s}.topic) then perform ${s}.make_leaves(1); end if;
end $$;

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

${givePagesFunction(s)}
${readPagesFunction(s)}

-- A UUIDv7 (RFC 9562): milliseconds since 1970, then random bits.
create function ${s}.uuid_v7() returns uuid language sql volatile as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;
alter table ${s}.outbox alter column id set default ${s}.uuid_v7();

-- Takes a JSON array of {type, key, data, id?, headers?}; appends them in its order.
create function ${s}.append_all(events json) returns setof uuid language plpgsql volatile as $$
begin
  perform ${s}.before_append();
  return query
    insert into ${s}.outbox (id, type, key, data, headers)
    select coalesce((e.event ->> 'id')::uuid, ${s}.uuid_v7()), e.event ->> 'type', e.event ->> 'key',
      coalesce(e.event -> 'data', 'null'), coalesce(e.event -> 'headers', '{}')
    from json_array_elements(events) with ordinality as e(event, place) order by e.place
    returning outbox.id;
  perform ${s}.wake_relay();
end $$;

create function ${s}.append(type text, key text, data json, headers json default '{}') returns uuid
language plpgsql volatile as $$
declare
  appended uuid;
begin
  perform ${s}.before_append();
  insert into ${s}.outbox (type, key, data, headers) values (type, key, data, headers) returning id into appended;
  perform ${s}.wake_relay();
  return appended;
end $$;

-- NOTIFY takes a lock of the whole cluster at commit, so it is done only while a relay sleeps. A snapshot older than
-- this statement (repeatable read) can't tell, so it notifies. SET commitcast.notify = off where NOTIFY is forbidden.
create function ${s}.wake_relay() returns void language plpgsql volatile as $$
begin
  if coalesce(current_setting('commitcast.notify', true), '') = 'off' then return; end if;
  if current_setting('transaction_isolation') <> 'read committed' or exists (select from ${s}.sleeper) then
    perform pg_notify('${s}', '');
  end if;
end $$;
`,
}
