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

-- One trigger, not CHECKs and a generated column: their expressions are prepared anew for every statement, which took
-- 25 of the 35 microseconds of an insert here.
create function commitcast.place_event() returns trigger language plpgsql as $$
begin
  if (new.type ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$' and length(new.type) <= 200 and not starts_with(new.type, 'commitcast.')
    and length(new.key) between 1 and 500 and octet_length(new.data::text) <= 786432
    and octet_length(new.headers::text) <= 16384) is not true
  then
    perform commitcast.refuse_event(new.type, new.key, new.data, new.headers);
  end if;
  new.partition := ('x' || substr(md5(new.key), 1, 8))::bit(32)::bigint % 4;
  return new;
end $$;
create trigger outbox_place before insert on commitcast.outbox for each row execute function commitcast.place_event();

create function commitcast.refuse_event(type text, key text, data json, headers json) returns void language plpgsql as $$
begin
  raise exception using errcode = 'check_violation', message = case
    when (type ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$' and length(type) <= 200) is not true
      then format('The event type %L can not be used: take words of letters, digits, "_" and "-" joined by dots, at most 200 characters.', left(type, 250))
    when starts_with(type, 'commitcast.') then format('The event type %L is reserved: take another prefix.', type)
    when (length(key) between 1 and 500) is not true
      then format('The key of %L is %L: it has to be a text of 1 to 500 characters.', type, left(key, 80))
    when octet_length(data::text) <= 786432 and headers is not null
      then format('The headers of %L take %s bytes, at most 16384 are taken.', type, octet_length(headers::text))
    else format('The data of %L takes %s bytes, at most 786432 are taken.', type, octet_length(data::text))
    end;
end $$;

create function commitcast.refuse_change() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return old; end if;
  raise exception 'The outbox is append-only: % on % is refused.', tg_op, tg_table_name
    using hint = 'Old events go by retention, whole days at a time. To take one back, append another event.';
end $$;
create trigger outbox_append_only before update or delete on commitcast.outbox
  for each row execute function commitcast.refuse_change();
create trigger outbox_no_truncate before truncate on commitcast.outbox
  for each statement execute function commitcast.refuse_change();

-- Leaves are attached, never made with PARTITION OF: that would make every append wait for it. The relay makes them ahead
-- of time; where none has run for days, an appender does, whatever its own rights.
create function commitcast.make_leaves(days_ahead int) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  day date := (clock_timestamp() at time zone 'utc')::date + days_ahead;
  leaf text;
begin
  perform pg_advisory_xact_lock(hashtextextended('commitcast.make_leaves', 0));
  for day in select d::date from generate_series(
    (clock_timestamp() at time zone 'utc')::date - 1, (clock_timestamp() at time zone 'utc')::date + days_ahead, interval '1 day') d
  loop
    leaf := 'outbox_' || to_char(day, 'YYYYMMDD');
    continue when to_regclass('commitcast.' || leaf) is not null;
    execute format('create table commitcast.%I (like commitcast.outbox including defaults)', leaf);
    execute format('create trigger outbox_no_truncate before truncate on commitcast.%I
      for each statement execute function commitcast.refuse_change()', leaf);
    execute format('alter table commitcast.outbox attach partition commitcast.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update commitcast.topic set leaves_until = (day + 1)::timestamp at time zone 'utc'
  where leaves_until < (day + 1)::timestamp at time zone 'utc';
end $$;

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


create function commitcast.refuse_past(partition smallint, given_to pg_snapshot, now pg_snapshot) returns boolean
language plpgsql as $$
begin
  raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.', partition, given_to, now
    using errcode = 'OB002', hint = format('It was restored from an older copy, or failed over to one. '
      '"commitcast topic new-epoch --from %s" mends it.', (select epoch from commitcast.topic));
end $$;

create function commitcast.give_pages(partitions smallint[], terms bigint[], max_page int, server_started timestamptz default null)
returns table (epoch int, partition smallint, first_offset bigint, events text)
language plpgsql volatile set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO' set work_mem = '32MB' as $$
#variable_conflict use_column
declare
  max_events int := max_page + 1;
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
          select *, row_number() over earlier <= max_page and coalesce(sum(pg_column_size(data)) over earlier, 0) < 4000000 as fits
          from (
      (select position, tx, id, type, key, data, headers, occurred_at from unnest(array(
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
          select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
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
    select epoch, partition, next_offset, events from run join given using (partition);
end $$;

create function commitcast.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int)
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
    select page.epoch, of_partition, page.first_offset + row_number() over (order by position) - 1, id::text, type, key, data::text, headers::text, tx::text, occurred_at::text
    from (
      select of_partition as partition, page.from_snapshot, page.from_next, page.to_snapshot,
        page.floor as floor_position, page.after_position
    ) as place
    cross join lateral (
      (select position, tx, id, type, key, data, headers, occurred_at from unnest(array(
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
          select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, place.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, place.from_snapshot) and pg_visible_in_snapshot(tx, place.to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as event where position <= page.last_position order by position;
    get diagnostics found_events = row_count;
    if found_events <> page.count then
      raise exception 'The page log gives % events from offset % of partition %; the outbox has % of them.',
        page.count, page.first_offset, of_partition, found_events using errcode = 'no_data_found';
    end if;
  end loop;
end $$;

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
declare
  place record;
begin
  perform pg_current_xact_id();
  select clock_timestamp() >= topic.leaves_until as is_late, exists (select from commitcast.sleeper) as is_asleep
  into place from commitcast.topic;
  if place.is_late then perform commitcast.make_leaves(1); end if;
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
end $$;

create function commitcast.append(type text, key text, data json, headers json default '{}', id uuid default null) returns uuid
language plpgsql volatile as $$
declare
  place record;
begin
  perform pg_current_xact_id();
  select clock_timestamp() >= topic.leaves_until as is_late, exists (select from commitcast.sleeper) as is_asleep
  into place from commitcast.topic;
  if place.is_late then perform commitcast.make_leaves(1); end if;
  id := coalesce(id, commitcast.uuid_v7());
  insert into commitcast.outbox (id, type, key, data, headers) values (id, type, key, data, headers);
  if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('commitcast', '');
  end if;
  return id;
end $$;

insert into commitcast.migration (version, name) values (1, 'create outbox');
end if;
end $migration$;
do $migration$ begin
if not exists (select from commitcast.migration where version = 2) then

create function commitcast.refuse_late() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return new; end if;
  raise exception 'The outbox is closed for %: its events are being retired.', new.occurred_at
    using hint = 'Leave occurred_at to its default. If the default gave it, the clock of the database went back.';
end $$;

insert into commitcast.migration (version, name) values (2, 'close leaves');
end if;
end $migration$;
do $migration$ begin
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
    from commitcast.read_pages(of_epoch, of_partition, of_offset - 1, 1) where place = of_offset returning *
  ) 
    insert into commitcast.parked_history (actor, action, parked_id, grp, event_id, type, key, reason)
    select coalesce(null, session_user::text), 'parked', id, grp, event_id, type, key, reason from event;
  if not found then
    raise exception 'Offset % of partition % was never given.', of_offset, of_partition using errcode = 'no_data_found';
  end if;
  return 'parked';
end $$;

drop function if exists commitcast.retry_parked(bigint[]);
create or replace function commitcast.retry_parked(ids bigint[], actor text default null, of_group text default null) returns setof commitcast.parked
language plpgsql volatile as $$
#variable_conflict use_column
declare
  place record;
begin
  perform pg_current_xact_id();
  select clock_timestamp() >= topic.leaves_until as is_late, exists (select from commitcast.sleeper) as is_asleep
  into place from commitcast.topic;
  if place.is_late then perform commitcast.make_leaves(1); end if;
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
  if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('commitcast', '');
  end if;
end $$;

insert into commitcast.migration (version, name) values (3, 'park events');
end if;
end $migration$;
do $migration$ begin
if not exists (select from commitcast.migration where version = 4) then

-- The system identifier is null where this role may not read it; then only the database's oid tells.
create function commitcast.here() returns table (system_identifier bigint, database oid) language plpgsql stable as $$
begin
  return query select (select control.system_identifier from pg_control_system() as control),
    (select oid from pg_database where datname = current_database());
exception when insufficient_privilege then
  return query select null::bigint, oid from pg_database where datname = current_database();
end $$;

alter table commitcast.topic add system_identifier bigint, add database oid,
  -- Positions up to here are from before a restore: the transaction ids of these events mean nothing here.
  add restored_up_to bigint not null default 0;
update commitcast.topic set (system_identifier, database) = (select here.system_identifier, here.database from commitcast.here() as here);

create materialized view commitcast.home as
  select here.system_identifier, here.database, (select max(position) from commitcast.outbox) as position from commitcast.here() as here;

-- A dump that was restored without post-data leaves the view empty.
create function commitcast.read_home() returns table (system_identifier bigint, database oid, "position" bigint)
language plpgsql stable as $$
begin
  return query select home.system_identifier, home.database, coalesce(home.position, 0) from commitcast.home;
exception when object_not_in_prerequisite_state then
  return;
end $$;

-- Passes where transaction ids go on, and returns when the server was started: another start may be that of an older copy,
-- so whoever knows of pages from before has to look at all of them again. Some 20 microseconds: it is asked for each page.
create function commitcast.check_home(started timestamptz default null) returns timestamptz language plpgsql as $$
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
end $$;

-- Writers are locked out until it commits. Nothing before the snapshot may draw a transaction id: ours has to be new to it.
create function commitcast.new_epoch(from_epoch int, given_boundary bigint)
returns table (epoch int, is_new boolean, moved bigint) language plpgsql volatile set lock_timeout = '5s' as $$
#variable_conflict use_column
declare
  known record;
  here record;
  home record;
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
    select number::smallint as place, page.*
    from generate_series(0, known.partitions - 1) as number left join lateral (
      select * from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint
      order by page.first_offset desc limit 1
    ) as page on true
  ) as newest;
  is_foreign := is_foreign or given_boundary is not null or (
    (known.system_identifier, known.database) is distinct from (here.system_identifier, here.database)
    and (home.database is null or (home.system_identifier, home.database) is not distinct from (here.system_identifier, here.database)));

  if is_foreign then
    given_boundary := coalesce(given_boundary, home.position);
    if coalesce(given_boundary < newest_position, true) then
      raise exception 'It is not known which events came with the restored dump (position % at least) and which were written here since.',
        newest_position using errcode = 'OB003',
        hint = 'Say it with --restored-up-to: the highest position in the outbox when the restore had ended.';
    end if;
    
    perform set_config('commitcast.new_epoch', pg_current_xact_id()::text, true);
    perform setval(pg_get_serial_sequence('commitcast.outbox', 'position'), greatest(given_boundary, newest_position, 1,
      (select max(position) from commitcast.outbox), nextval(pg_get_serial_sequence('commitcast.outbox', 'position'))));
    update commitcast.topic set restored_up_to = currval(pg_get_serial_sequence('commitcast.outbox', 'position'));
    with newest as materialized (
      select * from (
    select number::smallint as place, page.*
    from generate_series(0, known.partitions - 1) as number left join lateral (
      select * from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint
      order by page.first_offset desc limit 1
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
    select number::smallint as place, page.*
    from generate_series(0, known.partitions - 1) as number left join lateral (
      select * from commitcast.page where page.epoch = from_epoch and page.partition = number::smallint
      order by page.first_offset desc limit 1
    ) as page on true
  ) as newest where newest.epoch is not null;
  end if;
  update commitcast.topic set epoch = from_epoch + 1, system_identifier = here.system_identifier, database = here.database;
  return query select from_epoch + 1, true, moved_events;
end $$;

insert into commitcast.migration (version, name) values (4, 'epochs');
end if;
end $migration$;
do $migration$ begin
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

-- What a worker may do only while its lease has the term that it knows. Whoever takes the lease over waits for our commit,
-- so a worker that freezes just before it is cut off.
create function commitcast.hold_lease(of_group text, of_partition smallint, of_term bigint) returns void
language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from commitcast.lease where grp = of_group and partition = of_partition and term = of_term for share;
  if not found then
    raise exception 'Another worker has partition % of the group "%".', of_partition, of_group using errcode = 'OB005';
  end if;
end $$;

-- Call it last in the transaction whose writes it speaks for.
create function commitcast.commit_offset(of_group text, of_partition smallint, of_term bigint, of_epoch int, of_offset bigint)
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
end $$;

-- Gives a new group its first offsets: all partitions in one commit.
create function commitcast.start_group(of_group text, at_end boolean) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('commitcast.start_group', 0));
  if exists (select from commitcast.group_offset where grp = of_group) then return; end if;
  insert into commitcast.group_offset (grp, partition, epoch, "offset", is_start)
  select of_group, number, case when at_end then topic.epoch else 1 end,
    case when at_end then coalesce((
    select first_offset + count - 1 from commitcast.page
    where page.epoch = topic.epoch and page.partition = number::smallint order by first_offset desc limit 1), 0) else 0 end, true
  from commitcast.topic cross join generate_series(0, topic.partitions - 1) as number;
end $$;

-- Puts a group elsewhere: workers find their terms outdated and read the new offsets. What is parked behind the new place
-- goes, because it comes again.
create function commitcast.put_group(of_group text, places json) returns void language plpgsql volatile as $$
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
end $$;

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
    from commitcast.read_pages(of_epoch, of_partition, of_offset - 1, 1) where place = of_offset returning *
  ) 
    insert into commitcast.parked_history (actor, action, parked_id, grp, event_id, type, key, reason)
    select coalesce(null, session_user::text), 'parked', id, grp, event_id, type, key, reason from event;
  if not found then
    raise exception 'Offset % of partition % was never given.', of_offset, of_partition using errcode = 'no_data_found';
  end if;
  return 'parked';
end $$;

drop function if exists commitcast.retry_parked(bigint[]);
create or replace function commitcast.retry_parked(ids bigint[], actor text default null, of_group text default null) returns setof commitcast.parked
language plpgsql volatile as $$
#variable_conflict use_column
declare
  place record;
begin
  perform pg_current_xact_id();
  select clock_timestamp() >= topic.leaves_until as is_late, exists (select from commitcast.sleeper) as is_asleep
  into place from commitcast.topic;
  if place.is_late then perform commitcast.make_leaves(1); end if;
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
  if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('commitcast', '');
  end if;
end $$;
insert into commitcast.migration (version, name) values (5, 'consumer groups');
end if;
end $migration$;
do $migration$ begin
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

-- Whoever fills a shadow shares this lock; whoever takes the shadow away waits for them. What late workers left goes, too.
create function commitcast.lock_shadow(of_id bigint, is_shared boolean) returns void language plpgsql volatile as $$
begin
  if is_shared then perform pg_advisory_xact_lock_shared(hashtextextended('commitcast.rebuild.' || of_id, 0));
  else perform pg_advisory_xact_lock(hashtextextended('commitcast.rebuild.' || of_id, 0)); end if;
end $$;

create function commitcast.end_rebuild(of_id bigint) returns boolean language plpgsql volatile as $$
declare
  ending commitcast.rebuild;
begin
  select * into ending from commitcast.rebuild where id = of_id for update;
  if not found then return false; end if;
  perform commitcast.lock_shadow(of_id, false);
  execute format('drop schema if exists %I cascade', ending.shadow_schema);
  delete from commitcast.group_offset where starts_with(grp, ending.grp || '~');
  delete from commitcast.parked where starts_with(grp, ending.grp || '~');
  delete from commitcast.member where starts_with(grp, ending.grp || '~');
  delete from commitcast.lease where starts_with(grp, ending.grp || '~');
  delete from commitcast.rebuild where id = of_id;
  return true;
end $$;
insert into commitcast.migration (version, name) values (6, 'rebuilds');
end if;
end $migration$;
do $migration$ begin
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
end $migration$;
select commitcast.make_leaves(2);
commit;
