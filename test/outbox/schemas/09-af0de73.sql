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
  leaves_until timestamptz not null default '-infinity'
);
insert into commitcast.topic (partitions) values (4);

-- "tx" stands before "position": a transaction has its id before it draws a position, so whoever got its id after a
-- snapshot was taken has positions above everything that the snapshot showed. The windows rely on it.
create table commitcast.outbox (
  tx xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity (cache 1),
  partition smallint not null generated always as
    ((('x' || substr(md5(key), 1, 8))::bit(32)::bigint % 4)::smallint) stored,
  id uuid not null,
  type text not null check (length(type) <= 200 and type ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$')
    constraint type_is_not_reserved check (type not like 'commitcast.%'),
  key text not null check (length(key) between 1 and 500),
  data json not null check (octet_length(data::text) <= 786432),
  headers json not null default '{}' check (octet_length(headers::text) <= 16384),
  occurred_at timestamptz not null default clock_timestamp()
) partition by range (occurred_at);
create index outbox_position on commitcast.outbox (partition, position);
create index outbox_tx on commitcast.outbox (tx, partition, position);

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
    execute format('create table commitcast.%I (like commitcast.outbox including defaults including generated including constraints)', leaf);
    execute format('create trigger outbox_no_truncate before truncate on commitcast.%I
      for each statement execute function commitcast.refuse_change()', leaf);
    execute format('alter table commitcast.outbox attach partition commitcast.%I for values from (%L) to (%L)',
      leaf, day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc');
  end loop;
  update commitcast.topic set leaves_until = (day + 1)::timestamp at time zone 'utc'
  where leaves_until < (day + 1)::timestamp at time zone 'utc';
end $$;

-- What every append does first: draws its transaction id, and makes sure that there is a leaf for now.
create function commitcast.before_append() returns void language plpgsql volatile as $$
begin
  perform pg_current_xact_id();
  if clock_timestamp() >= (select leaves_until from commitcast.topic) then perform commitcast.make_leaves(1); end if;
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
returns table (epoch int, partition smallint, place bigint, id text, type text, key text, body text, headers text, tx text, occurred text)
language plpgsql volatile set jit = off set plan_cache_mode = force_generic_plan set timezone = 'UTC' set datestyle = 'ISO' as $$
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
    ), picked as materialized (
      select epoch, place.partition, term, next_offset, event.*
      from place cross join lateral (
        select *, row_number() over (order by position) as nth from (
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
      ) as event
    ), held as materialized (
      select lease.partition from commitcast.lease
      where lease.grp = 'relay' and (lease.partition, lease.term) in (select partition, term from picked)
      order by lease.partition for share
    ), given as (
      insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select epoch, partition, next_offset, least(found, max_page), term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position, last_position, found <= max_page
      from place join held using (partition) join (
        select partition, count(*) as found, max(position) filter (where nth <= max_page) as last_position
        from picked group by partition
      ) as run using (partition)
      returning partition
    )
    select epoch, partition, next_offset + nth - 1, id::text, type, key, data::text, headers::text, tx::text, occurred_at::text
    from picked join given using (partition) where nth <= max_page;
end $$;

create function commitcast.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int)
returns table (epoch int, partition smallint, place bigint, id text, type text, key text, body text, headers text, tx text, occurred text)
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan set timezone = 'UTC' set datestyle = 'ISO' as $$
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
begin
  perform commitcast.before_append();
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
  perform commitcast.before_append();
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


create function commitcast.park_refused(of_epoch int, of_partition smallint, of_offset bigint, of_term bigint, of_reason text)
returns text language plpgsql volatile as $$
begin
  perform set_config('synchronous_commit', 'on', true);
  perform from commitcast.lease where grp = 'relay' and partition = of_partition and term = of_term for share;
  if not found then return 'lease lost'; end if;
  insert into commitcast.refused (epoch, partition, "offset") values (of_epoch, of_partition, of_offset) on conflict do nothing;
  if not found then return 'noted before'; end if;
  insert into commitcast.parked (grp, epoch, partition, "offset", event_id, type, key, data, headers, occurred_at, reason)
  select 'relay', epoch, partition, place, id::uuid, type, key, body::json, headers::json, occurred::timestamptz, of_reason
  from commitcast.read_pages(of_epoch, of_partition, of_offset - 1, 1) where place = of_offset;
  if not found then
    raise exception 'Offset % of partition % was never given.', of_offset, of_partition using errcode = 'no_data_found';
  end if;
  return 'parked';
end $$;

create function commitcast.retry_parked(ids bigint[]) returns setof commitcast.parked language plpgsql volatile as $$
#variable_conflict use_column
begin
  perform commitcast.before_append();
  return query
    with taken as (
    delete from commitcast.parked where id in (
      select id from commitcast.parked where (ids is null or id = any(ids)) and grp = 'relay'
      order by id for update skip locked)
    returning parked.*
    ), appended as (
      insert into commitcast.outbox (id, type, key, data, headers)
      select event_id, type, key, data, headers from taken order by id
    )
    select * from taken order by id;
  perform commitcast.wake_relay();
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
select commitcast.make_leaves(2);
commit;
