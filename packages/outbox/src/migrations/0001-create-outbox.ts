import { reservedPrefix } from '@commitcast/events'
import { appendFunctions } from '../append-functions.ts'
import { maxHeadersBytes } from '../max-event-bytes.ts'
import type { Migration } from '../migrate.ts'
import { givePagesFunction } from '../pages/give-pages.ts'
import { readPagesFunction } from '../pages/read-pages.ts'

const typePattern = '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$'

/** The outbox, the page log, leases, and the functions that writers call. */
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

-- One trigger, not CHECKs and a generated column: their expressions are prepared anew for every statement, which took
-- 25 of the 35 microseconds of an insert here.
create function ${s}.place_event() returns trigger language plpgsql as $$
begin
  if (new.type ~ '${typePattern}' and length(new.type) <= 200 and not starts_with(new.type, '${reservedPrefix}')
    and length(new.key) between 1 and 500 and octet_length(new.data::text) <= ${maxEventBytes}
    and octet_length(new.headers::text) <= ${maxHeadersBytes}) is not true
  then
    perform ${s}.refuse_event(new.type, new.key, new.data, new.headers);
  end if;
  new.partition := ('x' || substr(md5(new.key), 1, 8))::bit(32)::bigint % ${partitions};
  return new;
end $$;
create trigger outbox_place before insert on ${s}.outbox for each row execute function ${s}.place_event();

create function ${s}.refuse_event(type text, key text, data json, headers json) returns void language plpgsql as $$
begin
  raise exception using errcode = 'check_violation', message = case
    when (type ~ '${typePattern}' and length(type) <= 200) is not true
      then format('The event type %L can not be used: take words of letters, digits, "_" and "-" joined by dots, at most 200 characters.', left(type, 250))
    when starts_with(type, '${reservedPrefix}') then format('The event type %L is reserved: take another prefix.', type)
    when (length(key) between 1 and 500) is not true
      then format('The key of %L is %L: it has to be a text of 1 to 500 characters.', type, left(key, 80))
    when octet_length(data::text) <= ${maxEventBytes} and headers is not null
      then format('The headers of %L take %s bytes, at most ${maxHeadersBytes} are taken.', type, octet_length(headers::text))
    else format('The data of %L takes %s bytes, at most ${maxEventBytes} are taken.', type, octet_length(data::text))
    end;
end $$;

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
    execute format('create table ${s}.%I (like ${s}.outbox including defaults)', leaf);
    execute format('create trigger outbox_no_truncate before truncate on ${s}.%I
      for each statement execute function ${s}.refuse_change()', leaf);
    execute format('alter table ${s}.outbox attach partition ${s}.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update ${s}.topic set leaves_until = (day + 1)::timestamp at time zone 'utc'
  where leaves_until < (day + 1)::timestamp at time zone 'utc';
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

${appendFunctions(s)}`,
}
