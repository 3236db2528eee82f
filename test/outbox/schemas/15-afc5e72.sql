begin;
do $migrate$ begin
perform set_config('standard_conforming_strings', 'on', true), set_config('lock_timeout', '0', true),
  set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true);
perform pg_advisory_xact_lock(hashtextextended('commitcast.migrate', 0));
if to_regclass('commitcast.schema_release') is not null then
  if (exists (select from commitcast.migration where version not in (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16))
    or exists (select from commitcast.schema_release as stored where string_to_array(split_part(stored.version, '-', 1), '.')::int[] > string_to_array(split_part('0.1.0', '-', 1), '.')::int[])) then
    if to_regclass('commitcast.topic') is not null then
  if exists (select from commitcast.topic where partitions <> 4) then
    raise exception 'The tables in schema "commitcast" were made with % partitions, for good; 4 were asked for.',
      (select partitions from commitcast.topic)
      using errcode = 'OB006', hint = 'Leave the number out; another one needs a new schema. Nothing was changed.';
  end if;
end if;
    raise notice 'The tables in schema "commitcast" are newer than release 0.1.0: nothing was changed.';
    return;
  end if;
end if;
if to_regclass('commitcast.topic') is null and getdatabaseencoding() <> 'UTF8' then
  raise exception 'The database "%" has the encoding %, which can''t hold every text of an event.', current_database(), getdatabaseencoding()
    using errcode = 'OB011', hint = 'Make a database with the encoding UTF8: create database "name" encoding ''UTF8'' template template0.';
end if;
-- IF NOT EXISTS would ask for the right to create even where nothing is created.
if to_regnamespace('commitcast') is null then create schema commitcast; end if;
if to_regclass('commitcast.migration') is null then
  create table commitcast.migration (
    version int primary key, name text not null, applied_at timestamptz not null default clock_timestamp());
end if;
if to_regclass('commitcast.topic') is not null and not exists (select from commitcast.migration) then
  if to_regprocedure('commitcast.migrated_up_to()') is null or exists (select from commitcast.outbox) then
    raise exception 'The schema "commitcast" has tables, and no row says which migrations made them.'
      using errcode = 'OB010', hint = 'Load the dump with its rows; or, where nothing in it is needed, drop the schema "commitcast" and migrate again. Nothing was changed.';
  end if;
  if commitcast.migrated_up_to() > 16 then
    raise exception 'The tables in schema "commitcast" come from a newer release, and have no rows.'
      using errcode = 'OB010', hint = 'Migrate with that release. Nothing was changed.';
  end if;
  insert into commitcast.migration (version, name)
  select version, name from (values (1, 'create outbox'),(2, 'close leaves'),(3, 'park events'),(4, 'epochs'),(5, 'consumer groups'),(6, 'rebuilds'),(7, 'answers'),(8, 'repair tables'),(9, 'retries'),(10, 'verified'),(11, 'group releases'),(12, 'stepped over'),(13, 'member ttl'),(14, 'event bytes'),(15, 'app'),(16, 'topic id')) as made(version, name) where version <= commitcast.migrated_up_to();
  insert into commitcast.topic (partitions, max_event_bytes, system_identifier, database)
  select commitcast.partitions(), commitcast.max_event_bytes(), here.system_identifier, here.database from commitcast.here() as here
  on conflict do nothing;
  refresh materialized view commitcast.home;
end if;
if to_regclass('commitcast.topic') is not null then
  if exists (select from commitcast.topic where partitions <> 4) then
    raise exception 'The tables in schema "commitcast" were made with % partitions, for good; 4 were asked for.',
      (select partitions from commitcast.topic)
      using errcode = 'OB006', hint = 'Leave the number out; another one needs a new schema. Nothing was changed.';
  end if;
end if;

declare
  wanted record;
  search_path_before text := current_setting('search_path');
begin
  perform set_config('search_path', 'pg_catalog', true);
  for wanted in select signature, template as text
    from (values ('commitcast.here()', $function$
-- The system identifier is null where this role may not read it; then only the database's oid tells.
create or replace function commitcast.here() returns table (system_identifier bigint, database oid) language plpgsql stable as $$
begin
  return query select (select control.system_identifier from pg_control_system() as control),
    (select oid from pg_database where datname = current_database());
exception when insufficient_privilege then
  return query select null::bigint, oid from pg_database where datname = current_database();
end $$;$function$),('commitcast.place_event()', $function$
-- One trigger, not CHECKs and a generated column: their expressions are prepared anew for every statement, which took
-- 25 of the 35 microseconds of an insert here.
create or replace function commitcast.place_event() returns trigger language plpgsql as $$
declare
  data text := new.data;
  headers text := new.headers;
begin
  if (new.type ~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$' and length(new.type) <= 200 and not starts_with(new.type, 'commitcast.')
    and length(new.key) between 1 and 500 and octet_length(data) <= commitcast.max_event_bytes()
    and octet_length(headers) <= 16384
    and case
      when headers = '{}' then true
      when json_typeof(new.headers) <> 'object' or strpos(headers, chr(92) || 'u') > 0 then false
      else coalesce(new.headers->>'version', '1') ~ '^[1-9][0-9]{0,14}$' and coalesce(new.headers->>'notes', '{') like '{%' end
    and strpos(data, chr(92) || 'u') = 0 and data not like '%"constructor"%' and data not like '%proto%') is not true
  then
    -- Much of it only may be wrong; whether it is takes a closer look.
    perform commitcast.refuse_event(new.type, new.key, new.data, new.headers);
  end if;
  new.partition := ('x' || substr(md5(new.key), 1, 8))::bit(32)::bigint % commitcast.partitions();
  new.bytes := octet_length(data) + octet_length(headers);
  return new;
end $$;$function$),('commitcast.refuse_change()', $function$
create or replace function commitcast.refuse_change() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return old; end if;
  raise exception 'The outbox is append-only: % on % is refused.', tg_op, tg_table_name
    using hint = 'Old events go by retention, whole days at a time. To take one back, append another event.';
end $$;$function$),('commitcast.refuse_late()', $function$
create or replace function commitcast.refuse_late() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return new; end if;
  raise exception 'The outbox is closed for %: its events are being retired.', new.occurred_at
    using hint = 'Leave occurred_at to its default. If the default gave it, the clock of the database went back.';
end $$;$function$),('commitcast.uuid_v7()', $function$
-- A UUIDv7 (RFC 9562): milliseconds since 1970, then random bits.
create or replace function commitcast.uuid_v7() returns uuid language sql volatile as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;$function$)) as listed(signature, template)
  loop
    continue when obj_description(to_regprocedure(wanted.signature), 'pg_proc') = 'commitcast ' || md5(wanted.text || pg_get_functiondef(to_regprocedure(wanted.signature)));
    begin
      execute wanted.text;
    exception when invalid_function_definition then
      execute 'drop function ' || wanted.signature;
      execute wanted.text;
    end;
    execute format('comment on function %s is %L', wanted.signature, 'commitcast ' || md5(wanted.text || pg_get_functiondef(to_regprocedure(wanted.signature))));
  end loop;
  perform set_config('search_path', search_path_before, true);
end;
if not exists (select from commitcast.migration where version = 1) then

create table commitcast.topic (
  single boolean primary key default true check (single),
  epoch int not null default 1 check (epoch > 0),
  partitions smallint not null check (partitions between 1 and 1024),
  max_event_bytes int not null,
  leaves_until timestamptz not null default '-infinity'
);
insert into commitcast.topic (partitions, max_event_bytes) values (4, 786432);

-- "tx" stands before "position": a transaction has its id before it draws a position, so whoever got its id after a
-- snapshot was taken has positions above everything that the snapshot showed. The windows rely on it.
create table commitcast.outbox (
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
create index outbox_position on commitcast.outbox (partition, position);
create index outbox_tx on commitcast.outbox (tx, partition, position);

create trigger outbox_place before insert on commitcast.outbox for each row execute function commitcast.place_event();

create trigger outbox_append_only before update or delete on commitcast.outbox
  for each row execute function commitcast.refuse_change();
create trigger outbox_no_truncate before truncate on commitcast.outbox
  for each statement execute function commitcast.refuse_change();

-- The page log: which events have which offsets. Insert-only; the newest row of a partition is its progress.
create table commitcast.page (
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

alter table commitcast.outbox alter column id set default commitcast.uuid_v7();

insert into commitcast.migration (version, name) values (1, 'create outbox');
end if;
if not exists (select from commitcast.migration where version = 2) then

insert into commitcast.migration (version, name) values (2, 'close leaves');
end if;
if not exists (select from commitcast.migration where version = 3) then

create table commitcast.refused (
  epoch int not null,
  partition smallint not null,
  "offset" bigint not null,
  primary key (epoch, partition, "offset")
);

create table commitcast.parked (
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

insert into commitcast.migration (version, name) values (3, 'park events');
end if;
if not exists (select from commitcast.migration where version = 4) then

alter table commitcast.topic add system_identifier bigint, add database oid,
  -- Positions up to here are from before a restore: the transaction ids of these events mean nothing here.
  add restored_up_to bigint not null default 0;
update commitcast.topic set (system_identifier, database) = (select here.system_identifier, here.database from commitcast.here() as here);

create materialized view commitcast.home as
  select here.system_identifier, here.database, (select max(position) from commitcast.outbox) as position from commitcast.here() as here;

insert into commitcast.migration (version, name) values (4, 'epochs');
end if;
if not exists (select from commitcast.migration where version = 5) then

-- The newest row of a group's partition is its progress.
create table commitcast.group_offset (
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

alter table commitcast.parked
  -- How often it was tried; 0 for one that only waits behind another of its key.
  add column attempts int not null default 1,
  -- Somebody asked for another try.
  add column retry boolean not null default false,
  add column tx xid8;

-- Who did what to parked events; 90 days of it.
create table commitcast.parked_history (
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
create index parked_history_at on commitcast.parked_history (at);

insert into commitcast.migration (version, name) values (5, 'consumer groups');
end if;
if not exists (select from commitcast.migration where version = 6) then

create table commitcast.rebuild (
  -- Every rebuild has a group and a schema of its own, so that a worker left over from an earlier one can't touch it.
  id bigint generated always as identity primary key,
  grp text not null unique,
  shadow_group text not null generated always as (grp || '~' || id::text) stored,
  shadow_schema text not null generated always as (left('commitcast', 40) || '_rebuild_' || id::text) stored,
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

insert into commitcast.migration (version, name) values (6, 'rebuilds');
end if;
if not exists (select from commitcast.migration where version = 7) then

create table commitcast.answer (
  key text primary key,
  -- The command's id: the causation id of the events that it led to.
  id text not null,
  -- The event that led to the command.
  caused_by text,
  -- Of what was asked; null where nobody said.
  fingerprint text,
  -- Null only in the transaction that is making it.
  answer text,
  made_at timestamptz not null default clock_timestamp()
);
create index answer_made_at on commitcast.answer (made_at);
create index answer_id on commitcast.answer (id);
insert into commitcast.migration (version, name) values (7, 'answers');
end if;
if not exists (select from commitcast.migration where version = 8) then

create table commitcast.schema_release (
  single boolean primary key default true check (single),
  -- The newest release that migrated these tables: an older one changes nothing.
  version text not null
);

if not exists (select from pg_attribute where attrelid = 'commitcast.topic'::regclass and attname = 'leaves_until') then
  alter table commitcast.topic add leaves_until timestamptz not null default '-infinity';
end if;
if not exists (select from pg_attribute where attrelid = 'commitcast.topic'::regclass and attname = 'max_event_bytes') then
  alter table commitcast.topic add max_event_bytes int;
  update commitcast.topic set max_event_bytes = coalesce((
    select substring(pg_get_constraintdef(oid) from '<= (\d+)')::int from pg_constraint
    where conrelid = 'commitcast.outbox'::regclass and conname = 'outbox_data_check'), 786432);
  alter table commitcast.topic alter max_event_bytes set not null;
end if;

if exists (select from pg_attribute
  where attrelid = 'commitcast.outbox'::regclass and attname = 'partition' and attgenerated <> '')
then
  alter table commitcast.outbox alter partition drop expression;
  create trigger outbox_place before insert on commitcast.outbox for each row execute function commitcast.place_event();
end if;
declare
  old record;
begin
  for old in
    select conrelid::regclass as of_table, conname from pg_constraint
    where contype = 'c' and conrelid in (select relid from pg_partition_tree('commitcast.outbox'))
      and conname in ('outbox_data_check', 'outbox_headers_check', 'outbox_key_check', 'outbox_type_check', 'type_is_not_reserved')
    order by conrelid <> 'commitcast.outbox'::regclass
  loop
    execute format('alter table %s drop constraint if exists %I', old.of_table, old.conname);
  end loop;
end;

if not exists (select from pg_attribute where attrelid = 'commitcast.page'::regclass and attname = 'from_next') then
  alter table commitcast.page add from_next xid8, add to_next xid8;
  update commitcast.page set from_next = pg_snapshot_xmax(to_snapshot), to_next = pg_current_xact_id();
  alter table commitcast.page alter from_next set not null, alter to_next set not null;
end if;
if exists (select from pg_constraint where conrelid = 'commitcast.page'::regclass
  and conname = 'page_first_offset_check' and pg_get_constraintdef(oid) like '%> 0%')
then
  alter table commitcast.page drop constraint page_first_offset_check;
  alter table commitcast.page add constraint page_first_offset_check check (first_offset >= 0);
end if;
drop function if exists commitcast.append(text, text, json, json), commitcast.before_append(), commitcast.wake_relay(),
  commitcast.give_pages(smallint[], bigint[], int), commitcast.retry_parked(bigint[]);

insert into commitcast.migration (version, name) values (8, 'repair tables');
end if;
if not exists (select from commitcast.migration where version = 9) then

alter table commitcast.parked
  -- When it is tried again; null where it waits for an operator, or behind another of its key.
  add column retry_at timestamptz,
  -- Since when it fails; null for one that was never tried.
  add column failing_since timestamptz;
insert into commitcast.migration (version, name) values (9, 'retries');
end if;
if not exists (select from commitcast.migration where version = 10) then

create table commitcast.verified (
  epoch int not null,
  partition smallint not null,
  number bigint generated always as identity (cache 1),
  -- The last offset that was compared and found to be ours.
  up_to bigint not null check (up_to >= 0),
  -- Null where another program's message follows: the partition has diverged.
  token text,
  -- The server on which it was compared.
  server text not null,
  verified_at timestamptz not null default clock_timestamp(),
  primary key (epoch, partition, number)
);

create table commitcast.epoch_end (
  epoch int not null,
  partition smallint not null,
  -- The last one that counts. What was assigned behind it was assigned again, in the next epoch.
  "offset" bigint not null check ("offset" >= 0),
  primary key (epoch, partition)
);
insert into commitcast.migration (version, name) values (10, 'verified');
end if;
if not exists (select from commitcast.migration where version = 11) then

-- Insert-only. The newest release of a group is the row with the highest number, and of those the highest id. Two writers
-- that register the same release at once make two equal rows, so that neither waits for the other's transaction.
create table commitcast.group_release (
  id bigint generated always as identity primary key,
  grp text not null,
  -- The application's own number, or that of the newest release before.
  number bigint not null,
  -- Sorted.
  types text[] not null,
  tx xid8 not null default pg_current_xact_id(),
  registered_at timestamptz not null default clock_timestamp()
);
create index group_release_newest on commitcast.group_release (grp, number, id);

alter table commitcast.member
  add column release bigint,
  -- It takes no partitions while a member of a newer release lives.
  add column is_yielding boolean not null default false;
insert into commitcast.migration (version, name) values (11, 'group releases');
end if;
if not exists (select from commitcast.migration where version = 12) then

create table commitcast.stepped_over (
  id uuid primary key,
  stepped_at timestamptz not null default clock_timestamp()
);
insert into commitcast.migration (version, name) values (12, 'stepped over');
end if;
if not exists (select from commitcast.migration where version = 13) then

-- Null of workers of earlier releases.
alter table commitcast.member add column ttl_ms int;
insert into commitcast.migration (version, name) values (13, 'member ttl');
end if;
if not exists (select from commitcast.migration where version = 14) then

-- The octets of data and headers.
alter table commitcast.outbox add column bytes int;
-- Takes one argument more from now on, and early releases left no comment to know it by.
drop function if exists commitcast.read_pages(int, smallint, bigint, int);
insert into commitcast.migration (version, name) values (14, 'event bytes');
end if;
if not exists (select from commitcast.migration where version = 15) then

alter table commitcast.topic add column app text;
insert into commitcast.migration (version, name) values (15, 'app');
end if;
if not exists (select from commitcast.migration where version = 16) then

alter table commitcast.topic add column id uuid not null default gen_random_uuid();
insert into commitcast.migration (version, name) values (16, 'topic id');
end if;


declare
  wanted record;
  search_path_before text := current_setting('search_path');
begin
  perform set_config('search_path', 'pg_catalog', true);
  for wanted in select signature, replace(replace(template, '{partitions}', (select partitions::text from commitcast.topic)), '{max_event_bytes}', (select max_event_bytes::text from commitcast.topic)) as text
    from (values ('commitcast.append(text, text, json, json, uuid)', $function$
create or replace function commitcast.append(type text, key text, data json, headers json default '{}', id uuid default null) returns uuid
language plpgsql volatile as $$
declare
  place record;
begin
  perform pg_current_xact_id();
  select to_regclass('commitcast.outbox_' || to_char((clock_timestamp()) at time zone 'utc', 'YYYYMMDD')) is null as is_missing, exists (select from commitcast.sleeper) as is_asleep into place;
  if place.is_missing then perform commitcast.make_leaves(1); end if;
  id := coalesce(id, commitcast.uuid_v7());
  insert into commitcast.outbox (id, type, key, data, headers) values (id, type, key, data, headers);
  if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('commitcast', '');
  end if;
  return id;
end $$;$function$),('commitcast.append_all(json)', $function$
-- Takes a JSON array of {type, key, data, id?, headers?}; appends them in its order.
create or replace function commitcast.append_all(events json) returns setof uuid language plpgsql volatile as $$
declare
  place record;
begin
  perform pg_current_xact_id();
  select to_regclass('commitcast.outbox_' || to_char((clock_timestamp()) at time zone 'utc', 'YYYYMMDD')) is null as is_missing, exists (select from commitcast.sleeper) as is_asleep into place;
  if place.is_missing then perform commitcast.make_leaves(1); end if;
  return query
    insert into commitcast.outbox (id, type, key, data, headers)
    select coalesce(e.id, commitcast.uuid_v7()), e.type, e.key, coalesce(e.data, 'null'), coalesce(e.headers, '{}')
    from rows from (json_to_recordset(events) as (id uuid, type text, key text, data json, headers json))
      with ordinality as e(id, type, key, data, headers, nth) order by nth
    returning outbox.id;
  if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('commitcast', '');
  end if;
end $$;$function$),('commitcast.bind_app(text)', $function$
-- Returns the app that the tables belong to: this one, where none has used them. Whatever the caller's own rights.
create or replace function commitcast.bind_app(of_app text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  bound text := (select app from commitcast.topic);
begin
  if bound is null then
    update commitcast.topic set app = of_app where app is null;
    bound := (select app from commitcast.topic);
  end if;
  return bound;
end $$;$function$),('commitcast.check_home(timestamptz)', $function$
-- Passes where transaction ids go on, and returns when the server was started: another start may be that of an older copy,
-- so whoever knows of pages from before has to look at all of them again. Some 20 microseconds: it is asked for each page.
create or replace function commitcast.check_home(started timestamptz default null) returns timestamptz language plpgsql as $$
declare
  known record;
  here record;
begin
  if started <> pg_postmaster_start_time() then
    raise exception 'The database server was started anew, at %.', pg_postmaster_start_time() using errcode = 'OB004';
  end if;
  select * into known from commitcast.topic;
  select * into here from commitcast.here();
  if known.database = here.database
    and coalesce(known.system_identifier = here.system_identifier, true) then return pg_postmaster_start_time(); end if;
  if exists (select from commitcast.read_home() as home
    where home.database = here.database and home.system_identifier <> here.system_identifier)
  then
    -- Copied file by file under another identifier, as pg_upgrade does.
    update commitcast.topic set system_identifier = here.system_identifier;
    return pg_postmaster_start_time();
  end if;
  raise exception 'This database is a copy: epoch % of the topic was made in database % of cluster %, this is database % of cluster %. '
    'Nothing is given here.', known.epoch, known.database, known.system_identifier, here.database, here.system_identifier
    using errcode = 'OB001',
      hint = format('If it takes the place of the other, run "commitcast topic new-epoch --from %s"; else stop this relay.', known.epoch);
end $$;$function$),('commitcast.check_server(text)', $function$
-- What a worker may do only on the server on which it began: another one may be an older copy.
create or replace function commitcast.check_server(of_server text) returns void language plpgsql stable as $$
begin
  if of_server <> commitcast.server_identity() then
    raise exception 'The database server was started anew, at %.', pg_postmaster_start_time() using errcode = 'OB004';
  end if;
end $$;$function$),('commitcast.commit_offset(text, smallint, bigint, text, bigint, int, bigint, int, bigint)', $function$
-- Compare and set: refuses unless the newest offset is the one that the worker began from. Call it last in the transaction
-- whose writes it speaks for. Returns the number of the new row.
create or replace function commitcast.commit_offset(of_group text, of_partition smallint, of_term bigint, of_server text,
  from_number bigint, from_epoch int, from_offset bigint, to_epoch int, to_offset bigint)
returns bigint language plpgsql volatile as $$
declare
  newest record;
  added bigint;
begin
  perform commitcast.hold_lease(of_group, of_partition, of_term);
  perform commitcast.check_server(of_server);
  select number, epoch, "offset" into newest from commitcast.group_offset
  where grp = of_group and partition = of_partition order by number desc limit 1;
  if (newest.number, newest.epoch, newest."offset") is distinct from (from_number, from_epoch, from_offset) then
    raise exception 'The group "%" is at offset % of epoch % in partition % (row %), and the worker began from offset % of epoch % (row %).',
      of_group, newest."offset", newest.epoch, of_partition, newest.number, from_offset, from_epoch, from_number
      using errcode = 'OB009';
  end if;
  insert into commitcast.group_offset (grp, partition, epoch, "offset")
  values (of_group, of_partition, to_epoch, to_offset) returning number into added;
  if added % 100 = 0 then
    delete from commitcast.group_offset where grp = of_group and partition = of_partition and number < added;
  end if;
  return added;
end $$;$function$),('commitcast.commit_offset(text, smallint, bigint, int, bigint)', $function$
create or replace function commitcast.commit_offset(of_group text, of_partition smallint, of_term bigint, of_epoch int, of_offset bigint)
returns void language plpgsql volatile as $$
declare
  newest bigint;
begin
  perform commitcast.hold_lease(of_group, of_partition, of_term);
  insert into commitcast.group_offset (grp, partition, epoch, "offset")
  values (of_group, of_partition, of_epoch, of_offset) returning number into newest;
  if newest % 100 = 0 then
    delete from commitcast.group_offset where grp = of_group and partition = of_partition and number < newest;
  end if;
end $$;$function$),('commitcast.cut_position(int, smallint, bigint)', $function$
-- Where windows continue behind an offset: the position of its event, or, where a page begins behind it, that of the page.
-- Null where the outbox no longer has all events of the page that follows it.
create or replace function commitcast.cut_position(of_epoch int, of_partition smallint, at_offset bigint) returns bigint
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  page record;
  max_events int;
  positions bigint[];
begin
  select * into page from commitcast.page
  where page.epoch = of_epoch and page.partition = of_partition and page.first_offset + page.count > at_offset + 1
    and page.first_offset > 0
  order by page.first_offset limit 1;
  max_events := page.count;
  select array_agg(position order by position) into positions
  from (select event.* from (
        select page.partition, page.from_snapshot, page.from_next, page.to_snapshot, page.floor as floor_position, page.after_position
      ) as place
      cross join lateral (
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from unnest(array(
        select listed from pg_snapshot_xip(place.from_snapshot) as listed
        where pg_visible_in_snapshot(listed, place.to_snapshot)
          and (select tx from commitcast.outbox where tx = listed order by partition, position limit 1) is not null
      ) || case when pg_snapshot_xmax(place.from_snapshot) < place.from_next then array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(place.from_snapshot) and tx < place.from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < place.from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ) end) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, place.from_snapshot) and pg_visible_in_snapshot(tx, place.to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as event where position <= page.last_position) as event;
  if coalesce(cardinality(positions), 0) <> page.count then return null; end if;
  if at_offset < page.first_offset then return page.after_position; end if;
  return positions[at_offset - page.first_offset + 1];
end $$;$function$),('commitcast.end_epoch(int)', $function$
-- Notes where each partition of an epoch ends: where it has diverged, at the last offset that the broker is known to hold;
-- else at the last one that was assigned, which relays still bring there.
create or replace function commitcast.end_epoch(of_epoch int) returns void language plpgsql volatile as $$
declare
  place record;
  ends_at bigint;
begin
  for place in
    select nth::smallint as number, coalesce((
    select "offset" from commitcast.epoch_end where epoch_end.epoch = of_epoch and epoch_end.partition = nth::smallint), (
    select first_offset + count - 1 from commitcast.page
    where page.epoch = of_epoch and page.partition = nth::smallint order by first_offset desc limit 1), 0) as assigned, newest.up_to, newest.token
    from commitcast.topic cross join generate_series(0, topic.partitions - 1) as nth
    left join lateral (
      select up_to, token from commitcast.verified where verified.epoch = of_epoch and verified.partition = nth::smallint
      order by verified.number desc limit 1
    ) as newest on true
  loop
    ends_at := case when place.up_to is not null and place.token is null then least(place.up_to, place.assigned) else place.assigned end;
    -- What retention has taken can't be assigned again.
    while ends_at < place.assigned and commitcast.cut_position(of_epoch, place.number, ends_at) is null loop
      select first_offset + count - 1 into ends_at from commitcast.page
      where epoch = of_epoch and partition = place.number and first_offset + count > ends_at + 1 and first_offset > 0
      order by first_offset limit 1;
    end loop;
    insert into commitcast.epoch_end (epoch, partition, "offset") values (of_epoch, place.number, ends_at);
  end loop;
end $$;$function$),('commitcast.end_rebuild(bigint)', $function$
create or replace function commitcast.end_rebuild(of_id bigint) returns boolean language plpgsql volatile as $$
declare
  ending commitcast.rebuild;
begin
  select * into ending from commitcast.rebuild where id = of_id for update;
  if not found then return false; end if;
  perform commitcast.lock_shadow(of_id, false);
  execute format('drop schema if exists %I cascade', ending.shadow_schema);
  delete from commitcast.rebuild where id = of_id;
  perform commitcast.forget_shadows(ending.grp);
  return true;
end $$;$function$),('commitcast.forget_shadows(text)', $function$
-- Removes what is left of a group's rebuilds that have ended. A worker that has not heard of the end yet may bring some of
-- it back, so it calls this once more when it has.
create or replace function commitcast.forget_shadows(of_group text) returns void language plpgsql volatile as $$
begin
  delete from commitcast.group_offset as o where starts_with(grp, of_group || '~') and not exists (
    select from commitcast.rebuild where shadow_group = o.grp);
  delete from commitcast.parked as p where starts_with(grp, of_group || '~') and not exists (
    select from commitcast.rebuild where shadow_group = p.grp);
  delete from commitcast.member as m where starts_with(grp, of_group || '~') and not exists (
    select from commitcast.rebuild where shadow_group = m.grp);
  delete from commitcast.lease as l where starts_with(grp, of_group || '~') and not exists (
    select from commitcast.rebuild where shadow_group = l.grp);
end $$;$function$),('commitcast.give_pages(smallint[], bigint[], int, timestamptz)', $function$
create or replace function commitcast.give_pages(partitions smallint[], terms bigint[], max_page int, server_started timestamptz default null)
returns table (epoch int, partition smallint, first_offset bigint, events text, is_cut boolean)
language plpgsql volatile set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO' set work_mem = '32MB' as $$
#variable_conflict use_column
declare
  max_events int := max_page + 1;
  full_page int := least(2000000, 16000000 / greatest(1, cardinality(partitions)));
begin
  perform commitcast.check_home(server_started);
  perform set_config('synchronous_commit', 'on', true);
  return query
    with place as materialized (
      select topic.epoch, lease.partition, lease.term, coalesce(newest.first_offset + newest.count, 1) as next_offset,
        case when newest.window_done is false then newest.from_snapshot else coalesce(newest.to_snapshot, '1:1:') end as from_snapshot,
        case when newest.window_done is false then newest.from_next else coalesce(newest.to_next, '1') end as from_next,
        case when newest.window_done is false then newest.to_snapshot else pg_current_snapshot() end as to_snapshot,
        case when newest.window_done is false then newest.to_next end as to_next,
        case when newest.window_done is false then newest.floor
          else greatest(newest.floor, newest.last_position, 0) end as floor_position,
        case when newest.window_done is false then newest.last_position else topic.restored_up_to end as after_position
      from unnest(partitions, terms) as held(partition, term)
      join commitcast.lease on lease.grp = 'relay' and lease.partition = held.partition and lease.term = held.term
      cross join commitcast.topic
      left join lateral (
        select * from commitcast.page where page.epoch = topic.epoch and page.partition = held.partition
        order by page.first_offset desc limit 1
      ) as newest on true
      where newest.to_snapshot is null or pg_snapshot_xmax(newest.to_snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
        or commitcast.refuse_past(held.partition, newest.to_snapshot, pg_current_snapshot())
    ), run as materialized (
      select epoch, place.partition, term, next_offset, run.*
      from place cross join lateral (
        select count(*) filter (where fits) as count, max(position) filter (where fits) as last_position,
          bool_and(fits) as all_fit,
          string_agg(concat_ws(chr(31), id, type, to_json(key), data, headers, tx, occurred_at), chr(30) order by position) filter (where fits) as events
        from (
          select *, row_number() over earlier <= max_page and coalesce(sum(coalesce(bytes, octet_length(data::text) + octet_length(headers::text))) over earlier, 0) < full_page as fits
          from (
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from unnest(array(
        select listed from pg_snapshot_xip(place.from_snapshot) as listed
        where pg_visible_in_snapshot(listed, place.to_snapshot)
          and (select tx from commitcast.outbox where tx = listed order by partition, position limit 1) is not null
      ) || case when pg_snapshot_xmax(place.from_snapshot) < place.from_next then array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(place.from_snapshot) and tx < place.from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < place.from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ) end) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, place.from_snapshot) and pg_visible_in_snapshot(tx, place.to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as events
          window earlier as (order by position rows between unbounded preceding and 1 preceding)
        ) as event
      ) as run
      where count > 0
    ), held as materialized (
      select lease.partition from commitcast.lease
      where lease.grp = 'relay' and (lease.partition, lease.term) in (select partition, term from run)
      order by lease.partition for share
    ), given as (
      insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select place.epoch, partition, place.next_offset, count, place.term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position, last_position, all_fit
      from place join held using (partition) join run using (partition)
      returning partition
    )
    select epoch, partition, next_offset, events, not all_fit from run join given using (partition);
end $$;$function$),('commitcast.hold_lease(text, smallint, bigint)', $function$
-- What a worker may do only while its lease has the term that it knows. Whoever takes the lease over waits for our commit,
-- so a worker that freezes just before it is cut off. One transaction at a time: a worker that lost its connection in
-- mid-commit waits for the end of that commit.
create or replace function commitcast.hold_lease(of_group text, of_partition smallint, of_term bigint) returns void
language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from commitcast.lease where grp = of_group and partition = of_partition and term = of_term for update;
  if not found then
    raise exception 'Another worker has partition % of the group "%".', of_partition, of_group using errcode = 'OB005';
  end if;
end $$;$function$),('commitcast.leaf_end(oid)', $function$
-- When the day of a segment ends. Its bound is a text, which the settings of the session write, and read again: not every
-- date style and time zone gives the same moment back.
create or replace function commitcast.leaf_end(of_table oid) returns timestamptz language sql stable
set datestyle = 'ISO' set timezone = 'UTC' as $$
  select (regexp_match(pg_get_expr(relpartbound, oid), ' TO [(]''([^'']+)''[)]'))[1]::timestamptz from pg_class where oid = of_table
$$;$function$),('commitcast.living_members(text, int)', $function$
-- The members of a group that renewed within their time to live; one of an earlier release does not say it, and has that
-- of the caller.
create or replace function commitcast.living_members(of_group text, ttl_ms int default 3500) returns setof commitcast.member language sql stable as $$
  select * from commitcast.member as m
  where m.grp = of_group and m.seen_at > clock_timestamp() - make_interval(secs => coalesce(m.ttl_ms, $2) / 1000.0)
$$;$function$),('commitcast.lock_shadow(bigint, boolean)', $function$
-- Whoever fills a shadow shares this lock; whoever takes the shadow away waits for them.
create or replace function commitcast.lock_shadow(of_id bigint, is_shared boolean) returns void language plpgsql volatile as $$
begin
  if is_shared then perform pg_advisory_xact_lock_shared(hashtextextended('commitcast.rebuild.' || of_id, 0));
  else perform pg_advisory_xact_lock(hashtextextended('commitcast.rebuild.' || of_id, 0)); end if;
end $$;$function$),('commitcast.make_leaves(int)', $function$
-- Leaves are attached, never made with PARTITION OF: that would make every append wait for it. The relay makes them ahead
-- of time; where none has run for days, somebody has dropped one or the clock went back, an appender does, whatever its own rights.
-- None is made for days that are over: retention counts those that were made day by day.
create or replace function commitcast.make_leaves(days_ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set datestyle = 'ISO' set timezone = 'UTC' as $$
declare
  day date := (clock_timestamp() at time zone 'utc')::date + days_ahead;
  leaf text;
begin
  perform pg_advisory_xact_lock(hashtextextended('commitcast.make_leaves', 0));
  for day in select d::date from generate_series(
    (clock_timestamp() at time zone 'utc')::date, (clock_timestamp() at time zone 'utc')::date + days_ahead, interval '1 day') d
  loop
    leaf := 'outbox_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('commitcast.' || leaf) is not null;
    begin
      execute format('create table commitcast.%I (like commitcast.outbox including defaults)', leaf);
    exception when duplicate_table then
      -- Whoever had the lock before us made it: what this transaction knows of the catalogue is older.
      continue;
    end;
    execute format('create trigger outbox_no_truncate before truncate on commitcast.%I
      for each statement execute function commitcast.refuse_change()', leaf);
    execute format('alter table commitcast.outbox attach partition commitcast.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update commitcast.topic set leaves_until = (day + 1)::timestamp at time zone 'utc'
  where leaves_until < (day + 1)::timestamp at time zone 'utc';
end $$;$function$),('commitcast.max_event_bytes()', $function$
create or replace function commitcast.max_event_bytes() returns int language sql immutable as 'select {max_event_bytes}';$function$),('commitcast.migrated_up_to()', $function$
-- The newest migration. A dump without rows has lost the table that says so, and brings this along.
create or replace function commitcast.migrated_up_to() returns int language sql immutable as 'select 16';$function$),('commitcast.new_epoch(int, bigint)', $function$
-- Writers are locked out until it commits. Nothing before the snapshot may draw a transaction id: ours has to be new to it.
create or replace function commitcast.new_epoch(from_epoch int, given_boundary bigint)
returns table (epoch int, is_new boolean, moved bigint) language plpgsql volatile set lock_timeout = '5s' as $$
#variable_conflict use_column
declare
  known record;
  here record;
  home record;
  segment record;
  newest_position bigint;
  is_foreign boolean;
  start_snapshot pg_snapshot;
  moved_events bigint := 0;
begin
  if pg_current_xact_id_if_assigned() is not null or current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'new_epoch has to be alone in its transaction, in READ COMMITTED.';
  end if;
  lock table commitcast.outbox in share row exclusive mode;
  start_snapshot := pg_current_snapshot();
  select * into known from commitcast.topic;
  if known.epoch <> from_epoch then
    return query select known.epoch, false, 0::bigint;
    return;
  end if;
  perform set_config('synchronous_commit', 'on', true);

  -- Whoever is giving pages right now holds its lease; all others find their terms outdated, and read the topic anew.
  perform from commitcast.lease order by grp, partition for update;
  update commitcast.lease set owner = '', term = term + 1, expires_at = '-infinity';

  select * into here from commitcast.here();
  select * into home from commitcast.read_home();
  select coalesce(max(last_position), 0),
    coalesce(bool_or(pg_snapshot_xmax(to_snapshot) > pg_snapshot_xmax(start_snapshot)), false)
  into newest_position, is_foreign
  from (
    select number::smallint as place, page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
      case when is_cut then commitcast.cut_position(from_epoch, number::smallint, epoch_end."offset") else last_position end as last_position,
      window_done and is_cut is not true as window_done
    from generate_series(0, known.partitions - 1) as number
    left join commitcast.epoch_end on epoch_end.epoch = from_epoch and epoch_end.partition = number::smallint
    left join lateral (
      (select page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint and page.first_offset > 0 and page.first_offset + page.count - 1 > epoch_end."offset" order by page.first_offset limit 1)
      union all
      (select page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint order by page.first_offset desc limit 1)
      order by is_cut desc nulls last limit 1
    ) as page on true
  ) as newest;
  is_foreign := is_foreign or given_boundary is not null or (
    (known.system_identifier, known.database) is distinct from (here.system_identifier, here.database)
    and (home.database is null or (home.system_identifier, home.database) is not distinct from (here.system_identifier, here.database)));
  perform commitcast.end_epoch(from_epoch);

  if is_foreign then
    given_boundary := coalesce(given_boundary, home.position);
    if coalesce(given_boundary < newest_position, true) then
      raise exception 'It is not known which events came with the restored dump (position % at least) and which were written here since.',
        newest_position using errcode = 'OB003',
        hint = 'Say it with --restored-up-to: the highest position in the outbox when the restore had ended.';
    end if;
    
    -- The outbox has no primary key: a publication of all tables would refuse the DELETE.
    if exists (select from pg_publication where pubdelete) then
      for segment in select relid::text as name from pg_partition_tree('commitcast.outbox') where isleaf loop
        execute format('alter table %s replica identity full', segment.name);
      end loop;
    end if;
    perform set_config('commitcast.new_epoch', pg_current_xact_id()::text, true);
    perform setval(pg_get_serial_sequence('commitcast.outbox', 'position'), greatest(given_boundary, newest_position, 1,
      (select max(position) from commitcast.outbox), nextval(pg_get_serial_sequence('commitcast.outbox', 'position'))));
    update commitcast.topic set restored_up_to = currval(pg_get_serial_sequence('commitcast.outbox', 'position'));
    with newest as materialized (
      select * from (
    select number::smallint as place, page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
      case when is_cut then commitcast.cut_position(from_epoch, number::smallint, epoch_end."offset") else last_position end as last_position,
      window_done and is_cut is not true as window_done
    from generate_series(0, known.partitions - 1) as number
    left join commitcast.epoch_end on epoch_end.epoch = from_epoch and epoch_end.partition = number::smallint
    left join lateral (
      (select page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint and page.first_offset > 0 and page.first_offset + page.count - 1 > epoch_end."offset" order by page.first_offset limit 1)
      union all
      (select page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint order by page.first_offset desc limit 1)
      order by is_cut desc nulls last limit 1
    ) as page on true
  ) as newest
    ), ungiven as (
      delete from commitcast.outbox using newest
      where outbox.partition = newest.place and outbox.position > known.restored_up_to
        and (outbox.position > given_boundary or newest.epoch is null or not case when newest.window_done
          then pg_visible_in_snapshot(outbox.tx, newest.to_snapshot)
          else pg_visible_in_snapshot(outbox.tx, newest.from_snapshot)
            or (outbox.position <= newest.last_position and pg_visible_in_snapshot(outbox.tx, newest.to_snapshot)) end)
      returning outbox.position, outbox.id, outbox.type, outbox.key, outbox.data, outbox.headers, outbox.occurred_at
    )
    insert into commitcast.outbox (id, type, key, data, headers, occurred_at)
    select id, type, key, data, headers, occurred_at from ungiven order by position;
    get diagnostics moved_events = row_count;
    perform set_config('commitcast.new_epoch', '', true);
    
    insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next, to_snapshot, to_next,
      floor, after_position, last_position, window_done)
    select from_epoch + 1, number, 0, 1, 0, start_snapshot, pg_current_xact_id(), start_snapshot, pg_current_xact_id(),
      restored_up_to, restored_up_to, restored_up_to, true
    from commitcast.topic cross join generate_series(0, partitions - 1) as number;
  else
    
    insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next, to_snapshot, to_next,
      floor, after_position, last_position, window_done)
    select from_epoch + 1, place, 0, 1, term, from_snapshot, from_next, to_snapshot, to_next,
      floor, after_position, last_position, window_done
    from (
    select number::smallint as place, page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
      case when is_cut then commitcast.cut_position(from_epoch, number::smallint, epoch_end."offset") else last_position end as last_position,
      window_done and is_cut is not true as window_done
    from generate_series(0, known.partitions - 1) as number
    left join commitcast.epoch_end on epoch_end.epoch = from_epoch and epoch_end.partition = number::smallint
    left join lateral (
      (select page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint and page.first_offset > 0 and page.first_offset + page.count - 1 > epoch_end."offset" order by page.first_offset limit 1)
      union all
      (select page.epoch, page.term, from_snapshot, from_next, to_snapshot, to_next, floor, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint order by page.first_offset desc limit 1)
      order by is_cut desc nulls last limit 1
    ) as page on true
  ) as newest where newest.epoch is not null;
    insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next, to_snapshot, to_next, floor,
      after_position, last_position, window_done, given_at)
    select from_epoch + 1, partition, greatest(first_offset - ending, 1), least(count, first_offset + count - 1 - ending), term, from_snapshot, from_next, to_snapshot, to_next, floor,
      case when first_offset <= ending then commitcast.cut_position(from_epoch, partition, ending) else after_position end,
      last_position, window_done, given_at
    from commitcast.page join (select partition, "offset" as ending from commitcast.epoch_end where epoch = from_epoch) as ended using (partition)
    where epoch = from_epoch and first_offset > 0 and first_offset + count - 1 > ending;
    insert into commitcast.refused (epoch, partition, "offset")
    select from_epoch + 1, refused.partition, refused."offset" - epoch_end."offset"
    from commitcast.refused join commitcast.epoch_end on epoch_end.epoch = refused.epoch and epoch_end.partition = refused.partition
    where refused.epoch = from_epoch and refused."offset" > epoch_end."offset";
    update commitcast.parked set epoch = from_epoch + 1, "offset" = parked."offset" - epoch_end."offset"
    from commitcast.epoch_end where parked.epoch = from_epoch and epoch_end.epoch = from_epoch
      and epoch_end.partition = parked.partition and parked."offset" > epoch_end."offset";
  end if;
  update commitcast.topic set epoch = from_epoch + 1, id = gen_random_uuid(), system_identifier = here.system_identifier, database = here.database;
  return query select from_epoch + 1, true, moved_events;
end $$;$function$),('commitcast.note_verified(int, smallint, bigint, text, bigint, text)', $function$
-- Needs no flush: what a crash takes was verified on a server that is gone.
create or replace function commitcast.note_verified(of_epoch int, of_partition smallint, of_term bigint, of_server text, of_up_to bigint, of_token text)
returns void language plpgsql volatile as $$
declare
  newest bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform commitcast.hold_lease('relay', of_partition, of_term);
  perform commitcast.check_server(of_server);
  insert into commitcast.verified (epoch, partition, up_to, token, server)
  values (of_epoch, of_partition, of_up_to, of_token, of_server) returning number into newest;
  delete from commitcast.verified where epoch = of_epoch and partition = of_partition and number < newest;
end $$;$function$),('commitcast.offsets_before(int, timestamptz)', $function$
-- The last offset of each partition that was assigned before a moment, by its number from 0 on. Where the page log no longer
-- goes back so far, the last offset before it begins. A binary search: some thirty looks at the primary key.
create or replace function commitcast.offsets_before(of_epoch int, moment timestamptz) returns bigint[] language plpgsql stable as $$
declare
  found_offsets bigint[] := '{}';
  low record;
  high record;
  middle record;
begin
  for number in 0 .. (select partitions - 1 from commitcast.topic) loop
    select first_offset, count, given_at into low from commitcast.page
    where epoch = of_epoch and partition = number order by first_offset limit 1;
    select first_offset, count, given_at into high from commitcast.page
    where epoch = of_epoch and partition = number order by first_offset desc limit 1;
    if low.first_offset is null or low.given_at >= moment then
      found_offsets := found_offsets || greatest(0, coalesce(low.first_offset, 1) - 1);
      continue;
    end if;
    if high.given_at < moment then
      low := high;
    end if;
    -- "low" was assigned before the moment, "high" was not.
    while low.first_offset < high.first_offset loop
      select first_offset, count, given_at into middle from commitcast.page
      where epoch = of_epoch and partition = number and first_offset > low.first_offset
        and first_offset >= (low.first_offset + high.first_offset) / 2
      order by first_offset limit 1;
      if middle.first_offset = high.first_offset then
        -- None begins in the upper half.
        select first_offset, count, given_at into middle from commitcast.page
        where epoch = of_epoch and partition = number and first_offset < high.first_offset
        order by first_offset desc limit 1;
        exit when middle.first_offset = low.first_offset;
      end if;
      if middle.given_at < moment then low := middle; else high := middle; end if;
    end loop;
    found_offsets := found_offsets || (low.first_offset + low.count - 1);
  end loop;
  return found_offsets;
end $$;$function$),('commitcast.park_refused(int, smallint, bigint, bigint, text)', $function$
create or replace function commitcast.park_refused(of_epoch int, of_partition smallint, of_offset bigint, of_term bigint, of_reason text)
returns text language plpgsql volatile as $$
begin
  perform set_config('synchronous_commit', 'on', true);
  perform from commitcast.lease where grp = 'relay' and partition = of_partition and term = of_term for share;
  if not found then return 'lease lost'; end if;
  insert into commitcast.refused (epoch, partition, "offset") values (of_epoch, of_partition, of_offset) on conflict do nothing;
  if not found then return 'noted before'; end if;
  with event as (
    insert into commitcast.parked (grp, epoch, partition, "offset", event_id, type, key, data, headers, occurred_at, reason)
    select 'relay', epoch, partition, place, id::uuid, type, key, body::json, headers::json, occurred::timestamptz, of_reason
    from commitcast.read_pages(of_epoch, of_partition, of_offset - 1, 1, 1) where place = of_offset returning *
  ) 
    insert into commitcast.parked_history (actor, action, parked_id, grp, event_id, type, key, reason)
    select coalesce(null, session_user::text), 'parked', id, grp, event_id, type, key, reason from event;
  if not found then
    raise exception 'Offset % of partition % was never given.', of_offset, of_partition using errcode = 'no_data_found';
  end if;
  return 'parked';
end $$;$function$),('commitcast.partitions()', $function$
create or replace function commitcast.partitions() returns int language sql immutable as 'select {partitions}';$function$),('commitcast.put_group(text, json)', $function$
-- Puts a group elsewhere: workers find their terms outdated and read the new offsets. What is parked behind the new place
-- goes, because it comes again.
create or replace function commitcast.put_group(of_group text, places json) returns void language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from commitcast.lease where grp = of_group order by partition for update;
  update commitcast.lease set owner = '', term = term + 1, expires_at = '-infinity' where grp = of_group;
  with place as (
    insert into commitcast.group_offset (grp, partition, epoch, "offset", is_start)
    select of_group, place.partition, place.epoch, place."offset", true
    from json_to_recordset(places) as place(partition smallint, epoch int, "offset" bigint) returning *
  ), event as (
    delete from commitcast.parked using place
    where parked.grp = of_group and parked.partition = place.partition
      and (parked.epoch, parked."offset") > (place.epoch, place."offset")
    returning parked.*
  ) 
    insert into commitcast.parked_history (actor, action, parked_id, grp, event_id, type, key, reason)
    select coalesce(null, session_user::text), 'reset', id, grp, event_id, type, key, reason from event;
end $$;$function$),('commitcast.read_home()', $function$
-- A dump that was restored without post-data leaves the view empty.
create or replace function commitcast.read_home() returns table (system_identifier bigint, database oid, "position" bigint)
language plpgsql stable as $$
begin
  return query select home.system_identifier, home.database, coalesce(home.position, 0) from commitcast.home;
exception when object_not_in_prerequisite_state then
  return;
end $$;$function$),('commitcast.read_ids(int, smallint, bigint, bigint)', $function$
-- The ids of the events of all pages that hold an offset above one and up to another. A page of which an event is gone is left out.
create or replace function commitcast.read_ids(of_epoch int, of_partition smallint, after_offset bigint, up_to bigint)
returns table (place bigint, id text)
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  page record;
  max_events int;
begin
  for page in
    select * from commitcast.page
    where page.epoch = of_epoch and page.partition = of_partition and page.first_offset between 1 and up_to
      and page.first_offset + page.count > after_offset + 1
    order by page.first_offset
  loop
    max_events := page.count;
    return query
    select nth, counted.id::text
    from (
      select event.id, page.first_offset + row_number() over (order by position) - 1 as nth, count(*) over () as found
      from (select event.* from (
        select page.partition, page.from_snapshot, page.from_next, page.to_snapshot, page.floor as floor_position, page.after_position
      ) as place
      cross join lateral (
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from unnest(array(
        select listed from pg_snapshot_xip(place.from_snapshot) as listed
        where pg_visible_in_snapshot(listed, place.to_snapshot)
          and (select tx from commitcast.outbox where tx = listed order by partition, position limit 1) is not null
      ) || case when pg_snapshot_xmax(place.from_snapshot) < place.from_next then array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(place.from_snapshot) and tx < place.from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < place.from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ) end) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, place.from_snapshot) and pg_visible_in_snapshot(tx, place.to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as event where position <= page.last_position) as event
    ) as counted
    where found = page.count order by nth;
  end loop;
end $$;$function$),('commitcast.read_pages(int, smallint, bigint, int, bigint)', $function$
create or replace function commitcast.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int,
  max_bytes bigint default null)
returns table (epoch int, partition smallint, place bigint, id text, type text, key text, body text, headers text, tx text, occurred text)
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  page record;
  found_events bigint;
  max_events int;
begin
  for page in
    select * from commitcast.page
    where page.epoch = of_epoch and page.partition = of_partition and page.first_offset + page.count > after_offset + 1
      and page.first_offset >= coalesce((
        select page.first_offset from commitcast.page
        where page.epoch = of_epoch and page.partition = of_partition and page.first_offset <= after_offset + 1
        order by page.first_offset desc limit 1), 0)
    order by page.first_offset limit max_pages
  loop
    max_events := page.count;
    return query
    select page.epoch, of_partition, nth, id::text, type, key, data::text, headers::text, tx::text, occurred_at::text
    from (
      select *, case when max_bytes is null then 0
        else coalesce(sum(coalesce(bytes, octet_length(data::text) + octet_length(headers::text))) over (order by nth rows between unbounded preceding and 1 preceding), 0) end as before
      from (
        select event.*, page.first_offset + row_number() over (order by position) - 1 as nth, count(*) over () as found
        from (select event.* from (
        select page.partition, page.from_snapshot, page.from_next, page.to_snapshot, page.floor as floor_position, page.after_position
      ) as place
      cross join lateral (
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from unnest(array(
        select listed from pg_snapshot_xip(place.from_snapshot) as listed
        where pg_visible_in_snapshot(listed, place.to_snapshot)
          and (select tx from commitcast.outbox where tx = listed order by partition, position limit 1) is not null
      ) || case when pg_snapshot_xmax(place.from_snapshot) < place.from_next then array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(place.from_snapshot) and tx < place.from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < place.from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ) end) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, place.from_snapshot) and pg_visible_in_snapshot(tx, place.to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as event where position <= page.last_position) as event
      ) as counted
      where found = page.count and nth > after_offset
    ) as sized
    where max_bytes is null or before < max_bytes
    order by nth;
    get diagnostics found_events = row_count;
    if found_events = 0 then
      raise exception 'The page log gives % events from offset % of partition %; the outbox no longer has all of them.',
        page.count, page.first_offset, of_partition using errcode = 'no_data_found';
    end if;
  end loop;
end $$;$function$),('commitcast.refuse_event(text, text, json, json)', $function$
create or replace function commitcast.refuse_event(type text, key text, data json, headers json) returns void language plpgsql as $$
declare
  reason text;
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return; end if;
  reason := case
    when (type ~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$' and length(type) <= 200) is not true
      then format('The event type %L can not be used: take words of letters, digits, "_" and "-" joined by dots, at most 200 characters.', left(type, 250))
    when starts_with(type, 'commitcast.') then format('The event type %L is reserved: take another prefix.', type)
    when (length(key) between 1 and 500) is not true
      then format('The key of %L is %L: it has to be a text of 1 to 500 characters.', type, left(key, 80))
    when (octet_length(data::text) <= commitcast.max_event_bytes()) is not true
      then format('The data of %L takes %s bytes, at most %s are taken.', type, octet_length(data::text), commitcast.max_event_bytes())
    when (octet_length(headers::text) <= 16384) is not true
      then format('The headers of %L take %s bytes, at most 16384 are taken.', type, octet_length(headers::text))
    when json_typeof(headers) <> 'object'
      then format('The headers of %L are %s: they have to be a JSON object, like {"actor": "ada"}.', type, json_typeof(headers))
    when data::text ~ '"(constructor|prototype|__proto__)"[[:space:]]*:'
      then format('The data of %L has the key "constructor", "prototype" or "__proto__", which readers refuse: take another name.', type)
    end;
  if reason is null and (strpos(data::text, chr(92) || 'u') > 0 or strpos(headers::text, chr(92) || 'u') > 0) then
    begin
      perform data::jsonb, headers::jsonb;
    exception when others then
      reason := format('The data or the headers of %L hold a NUL character or half of a surrogate pair, which Postgres keeps in no text: take it out. (%s)', type, sqlerrm);
    end;
  end if;
  if reason is null then
    reason := case
      when (coalesce(headers->>'version', '1') ~ '^[1-9][0-9]{0,14}$') is not true
        then format('The header "version" of %L is %L: it has to be a whole number from 1 on.', type, left(headers->>'version', 80))
      when (coalesce(headers->>'notes', '{') like '{%') is not true
        then format('The header "notes" of %L is %L: it is for the type notes that Commitcast itself writes.', type, left(headers->>'notes', 80))
      end;
  end if;
  if reason is not null then raise exception using errcode = 'check_violation', message = reason; end if;
end $$;$function$),('commitcast.refuse_past(smallint, pg_snapshot, pg_snapshot)', $function$
create or replace function commitcast.refuse_past(partition smallint, given_to pg_snapshot, now pg_snapshot) returns boolean
language plpgsql as $$
begin
  raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.', partition, given_to, now
    using errcode = 'OB002', hint = format('It was restored from an older copy, or failed over to one. '
      '"commitcast topic new-epoch --from %s" mends it.', (select epoch from commitcast.topic));
end $$;$function$),('commitcast.register_releases(json)', $function$
-- Takes a JSON array of {grp, types, number?}, types sorted. A role that may only append calls it, too.
create or replace function commitcast.register_releases(releases json) returns table (grp text, id bigint, is_committed boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  own_tx xid8 := coalesce(pg_current_xact_id_if_assigned(), '0');
begin
  -- A process registers once: a crash must not lose it.
  perform set_config('synchronous_commit', 'on', true);
  return query
    with wanted as (
      select * from json_to_recordset(releases) as wanted(grp text, types text[], number bigint)
    ), known as (
      select distinct on (wanted.grp) wanted.grp, release.id, release.tx <> own_tx as is_committed
      from wanted join commitcast.group_release as release on release.grp = wanted.grp and release.types = wanted.types
        and (wanted.number is null or release.number = wanted.number)
      order by wanted.grp, release.tx = own_tx, release.id
    ), added as (
      insert into commitcast.group_release (grp, number, types)
      select wanted.grp, coalesce(number, (
        select max(release.number) from commitcast.group_release as release where release.grp = wanted.grp), 0), types
      from wanted where wanted.grp not in (select known.grp from known)
      returning group_release.grp, group_release.id
    )
    select known.grp, known.id, known.is_committed from known
    union all select added.grp, added.id, false from added;
end $$;$function$),('commitcast.renew_leases(text, text, int, json, bigint, json, json, boolean)', $function$
-- Says that the worker lives, takes what is free up to its fair share, ceil(partitions / living members), and gives back what
-- is over it, unless it is at work there: that is returned as over, to be given back when the work has ended. One that leaves
-- has no share. Returns what it holds, and the other owners that are known. Waits for no other worker.
create or replace function commitcast.renew_leases(of_group text, me text, my_ttl_ms int, gone json, my_release bigint, yields_to json, busy json, is_leaving boolean)
returns table (partition int, term text, progress text, is_over boolean, other text) language plpgsql volatile as $$
#variable_conflict use_column
declare
  gone_owners text[] := array(select json_array_elements_text(gone));
  my_ttl interval := make_interval(secs => my_ttl_ms / 1000.0);
  kept_for interval := greatest(my_ttl, interval '1 minute');
  has_lapsed boolean := not exists (select from commitcast.living_members(of_group, my_ttl_ms) where owner = me);
  busy_at int[] := array(select json_array_elements_text(busy)::int);
  yields boolean;
  size int;
begin
  if not exists (select from commitcast.lease where grp = of_group) then
    insert into commitcast.lease (grp, partition)
    select of_group, generate_series(0, partitions - 1) from commitcast.topic on conflict do nothing;
  end if;
  -- The server's clock went back: who was seen in what is the future now counts as seen now, and has one time to live.
  if exists (select from commitcast.member where grp = of_group and seen_at > clock_timestamp() + my_ttl) then
    update commitcast.member set seen_at = clock_timestamp()
    where grp = of_group and owner in (
      select owner from commitcast.member where grp = of_group and seen_at > clock_timestamp() + my_ttl for update skip locked);
  end if;

  select is_leaving or coalesce(bool_or(release in (select json_array_elements_text(yields_to)::bigint)), false),
    ceil((select partitions from commitcast.topic)::numeric / (1 + count(*) filter (where not is_yielding)))
  into yields, size
  from commitcast.living_members(of_group, my_ttl_ms) where owner <> me and owner <> all(gone_owners);
  if yields then size := 0; end if;

  insert into commitcast.member (grp, owner, seen_at, ttl_ms, release, is_yielding)
  values (of_group, me, clock_timestamp(), my_ttl_ms, my_release, yields)
  on conflict (grp, owner) do update set seen_at = excluded.seen_at, ttl_ms = excluded.ttl_ms,
    release = excluded.release, is_yielding = excluded.is_yielding;
  delete from commitcast.member where grp = of_group and owner in (
    select owner from commitcast.member
    where grp = of_group and (owner = any(gone_owners)
      or seen_at < clock_timestamp() - 10 * make_interval(secs => coalesce(ttl_ms, my_ttl_ms) / 1000.0))
    for update skip locked);

  -- The highest partitions over the share; what a transaction of ours is just committing under goes with the next renewal.
  update commitcast.lease set owner = '', expires_at = '-infinity'
  where grp = of_group and owner = me and partition in (
    select partition from commitcast.lease where grp = of_group and owner = me and partition in (
      select partition from commitcast.lease where grp = of_group and owner = me order by partition offset size)
      and partition <> all(busy_at)
    for update skip locked);
  -- Another worker may just be taking what lapsed: wait for it, and keep what it did not take, with its term.
  update commitcast.lease set expires_at = clock_timestamp() + kept_for
  where grp = of_group and owner = me and (has_lapsed or partition in (
    select partition from commitcast.lease
    where grp = of_group and owner = me and expires_at not between clock_timestamp() + kept_for / 2 and clock_timestamp() + kept_for * 2
    for update skip locked));
  -- Only what is still as this statement's snapshot shows it: who is newer than that may have taken it.
  with free as (
    select partition, term, expires_at from commitcast.lease
    where grp = of_group and owner <> me and owner not in (
      select owner from commitcast.living_members(of_group, my_ttl_ms) where owner <> all(gone_owners))
  ), taken as (
    select lease.partition from commitcast.lease join free using (partition, term, expires_at)
    where lease.grp = of_group
    order by lease.partition
    limit greatest(0, size - (select count(*) from commitcast.lease where grp = of_group and owner = me))
    for update of lease skip locked
  )
  update commitcast.lease set owner = me, term = term + 1, expires_at = clock_timestamp() + kept_for
  where grp = of_group and partition in (select partition from taken);

  return query
    select partition::int, term::text, (
        select max(number) from commitcast.group_offset as o where o.grp = of_group and o.partition = lease.partition
      )::text, row_number() over (order by partition) > size, null::text
    from commitcast.lease where grp = of_group and owner = me
    union all
    select null, null, null, false, owner from (
      select owner from commitcast.lease where grp = of_group union select owner from commitcast.member where grp = of_group
    ) as known
    where owner not in ('', me) and owner <> all(gone_owners);
end $$;$function$),('commitcast.retry_parked(bigint[], text, text)', $function$
create or replace function commitcast.retry_parked(ids bigint[], actor text default null, of_group text default null) returns setof commitcast.parked
language plpgsql volatile as $$
#variable_conflict use_column
declare
  place record;
begin
  perform pg_current_xact_id();
  select to_regclass('commitcast.outbox_' || to_char((clock_timestamp()) at time zone 'utc', 'YYYYMMDD')) is null as is_missing, exists (select from commitcast.sleeper) as is_asleep into place;
  if place.is_missing then perform commitcast.make_leaves(1); end if;
  -- It was taken once: what readers can't read is parked again, and holds up no other.
  perform set_config('commitcast.new_epoch', pg_current_xact_id()::text, true);
  return query
    with taken as (
    delete from commitcast.parked where id in (
      select id from commitcast.parked where (ids is null or id = any(ids)) and grp = 'relay' and coalesce(of_group, grp) = grp
      order by id for update skip locked)
    returning parked.*
    ), appended as (
      insert into commitcast.outbox (id, type, key, data, headers)
      select event_id, type, key, data, headers from taken order by id
    ), asked as (
      update commitcast.parked set retry = true
      where (ids is null or id = any(ids)) and grp <> 'relay' and coalesce(of_group, grp) = grp returning parked.*
    ), handled as (
      select * from taken union all select * from asked
    ), noted as (
    insert into commitcast.parked_history (actor, action, parked_id, grp, event_id, type, key, reason)
    select coalesce(retry_parked.actor, session_user::text), 'retried', id, grp, event_id, type, key, reason from handled
    )
    select * from handled order by id;
  perform set_config('commitcast.new_epoch', '', true);
  if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('commitcast', '');
  end if;
end $$;$function$),('commitcast.server_identity()', $function$
-- Tells this server from itself after a restart, from its standby and from an older copy. Where the timeline can't be read,
-- the start alone tells.
create or replace function commitcast.server_identity() returns text language plpgsql stable as $$
declare
  started text := extract(epoch from pg_postmaster_start_time())::text;
begin
  return started || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
exception when object_not_in_prerequisite_state or insufficient_privilege or feature_not_supported then
  return started;
end $$;$function$),('commitcast.shown_up_to(pg_snapshot)', $function$
-- For each partition the last offset that was given, where all events that a snapshot shows have their offsets: no event behind
-- it is one of them, now or later. Null where some may still come.
create or replace function commitcast.shown_up_to(of_snapshot pg_snapshot) returns table (partition smallint, "offset" bigint)
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  max_events int := 1;
begin
  return query
  select place.partition, case when is_done and not exists (
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from unnest(array(
        select listed from pg_snapshot_xip(place.from_snapshot) as listed
        where pg_visible_in_snapshot(listed, place.to_snapshot)
          and (select tx from commitcast.outbox where tx = listed order by partition, position limit 1) is not null
      ) || case when pg_snapshot_xmax(place.from_snapshot) < place.from_next then array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(place.from_snapshot) and tx < place.from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < place.from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ) end) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at, bytes from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, place.from_snapshot) and pg_visible_in_snapshot(tx, place.to_snapshot)
        order by position limit max_events)
      order by position limit max_events) then place.last_offset end
  from (
    select number::smallint as partition, coalesce(newest.window_done, true) as is_done,
      coalesce(newest.first_offset + newest.count - 1, 0) as last_offset,
      coalesce(newest.to_snapshot, '1:1:') as from_snapshot, coalesce(newest.to_next, '1') as from_next,
      of_snapshot as to_snapshot, greatest(newest.floor, newest.last_position, 0) as floor_position,
      topic.restored_up_to as after_position
    from commitcast.topic cross join generate_series(0, topic.partitions - 1) as number
    left join lateral (
      select * from commitcast.page where page.epoch = topic.epoch and page.partition = number
      order by page.first_offset desc limit 1
    ) as newest on true
  ) as place
  order by place.partition;
end $$;$function$),('commitcast.start_group(text, boolean)', $function$
-- Gives a new group its first offsets: all partitions in one commit.
create or replace function commitcast.start_group(of_group text, at_end boolean) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('commitcast.start_group', 0));
  if exists (select from commitcast.group_offset where grp = of_group) then return; end if;
  insert into commitcast.group_offset (grp, partition, epoch, "offset", is_start)
  select of_group, number, case when at_end then topic.epoch else 1 end,
    case when at_end then coalesce((
    select "offset" from commitcast.epoch_end where epoch_end.epoch = topic.epoch and epoch_end.partition = number::smallint), (
    select first_offset + count - 1 from commitcast.page
    where page.epoch = topic.epoch and page.partition = number::smallint order by first_offset desc limit 1), 0) else 0 end, true
  from commitcast.topic cross join generate_series(0, topic.partitions - 1) as number;
end $$;$function$)) as listed(signature, template)
  loop
    continue when obj_description(to_regprocedure(wanted.signature), 'pg_proc') = 'commitcast ' || md5(wanted.text || pg_get_functiondef(to_regprocedure(wanted.signature)));
    begin
      execute wanted.text;
    exception when invalid_function_definition then
      execute 'drop function ' || wanted.signature;
      execute wanted.text;
    end;
    execute format('comment on function %s is %L', wanted.signature, 'commitcast ' || md5(wanted.text || pg_get_functiondef(to_regprocedure(wanted.signature))));
  end loop;
  perform set_config('search_path', search_path_before, true);
end;

declare
  other regprocedure;
begin
  for other in select oid from pg_proc
    where pronamespace = 'commitcast'::regnamespace and obj_description(oid, 'pg_proc') ~ '^commitcast [0-9a-f]{32}$'
      and oid <> all (array[to_regprocedure('commitcast.here()'),to_regprocedure('commitcast.place_event()'),to_regprocedure('commitcast.refuse_change()'),to_regprocedure('commitcast.refuse_late()'),to_regprocedure('commitcast.uuid_v7()'),to_regprocedure('commitcast.append(text, text, json, json, uuid)'),to_regprocedure('commitcast.append_all(json)'),to_regprocedure('commitcast.bind_app(text)'),to_regprocedure('commitcast.check_home(timestamptz)'),to_regprocedure('commitcast.check_server(text)'),to_regprocedure('commitcast.commit_offset(text, smallint, bigint, text, bigint, int, bigint, int, bigint)'),to_regprocedure('commitcast.commit_offset(text, smallint, bigint, int, bigint)'),to_regprocedure('commitcast.cut_position(int, smallint, bigint)'),to_regprocedure('commitcast.end_epoch(int)'),to_regprocedure('commitcast.end_rebuild(bigint)'),to_regprocedure('commitcast.forget_shadows(text)'),to_regprocedure('commitcast.give_pages(smallint[], bigint[], int, timestamptz)'),to_regprocedure('commitcast.hold_lease(text, smallint, bigint)'),to_regprocedure('commitcast.leaf_end(oid)'),to_regprocedure('commitcast.living_members(text, int)'),to_regprocedure('commitcast.lock_shadow(bigint, boolean)'),to_regprocedure('commitcast.make_leaves(int)'),to_regprocedure('commitcast.max_event_bytes()'),to_regprocedure('commitcast.migrated_up_to()'),to_regprocedure('commitcast.new_epoch(int, bigint)'),to_regprocedure('commitcast.note_verified(int, smallint, bigint, text, bigint, text)'),to_regprocedure('commitcast.offsets_before(int, timestamptz)'),to_regprocedure('commitcast.park_refused(int, smallint, bigint, bigint, text)'),to_regprocedure('commitcast.partitions()'),to_regprocedure('commitcast.put_group(text, json)'),to_regprocedure('commitcast.read_home()'),to_regprocedure('commitcast.read_ids(int, smallint, bigint, bigint)'),to_regprocedure('commitcast.read_pages(int, smallint, bigint, int, bigint)'),to_regprocedure('commitcast.refuse_event(text, text, json, json)'),to_regprocedure('commitcast.refuse_past(smallint, pg_snapshot, pg_snapshot)'),to_regprocedure('commitcast.register_releases(json)'),to_regprocedure('commitcast.renew_leases(text, text, int, json, bigint, json, json, boolean)'),to_regprocedure('commitcast.retry_parked(bigint[], text, text)'),to_regprocedure('commitcast.server_identity()'),to_regprocedure('commitcast.shown_up_to(pg_snapshot)'),to_regprocedure('commitcast.start_group(text, boolean)')])
  loop
    execute 'drop function ' || other;
  end loop;
end;
perform commitcast.make_leaves(2);
if not exists (select from commitcast.schema_release where version = '0.1.0') then
  insert into commitcast.schema_release (version) values ('0.1.0') on conflict (single) do update set version = excluded.version;
end if;
end $migrate$;
commit;
