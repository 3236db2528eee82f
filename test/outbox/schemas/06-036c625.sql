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
  first_offset bigint not null check (first_offset > 0),
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


create function commitcast.give_pages(partitions smallint[], terms bigint[], max_page int) returns table (epoch int, partition smallint, place bigint, id text, type text, key text, body text, headers text, tx text, occurred text)
language plpgsql volatile set jit = off set plan_cache_mode = force_generic_plan set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  this_snapshot pg_snapshot := pg_current_snapshot();
  max_events int := max_page + 1;
  to_next xid8;
  found record;
  seen_window text;
  p smallint[];
  t bigint[];
  o bigint[];
  f bigint[];
  a bigint[];
  e int;
  from_snapshot pg_snapshot;
  from_next xid8;
  to_snapshot pg_snapshot;
  writers xid8[];
begin
  perform set_config('synchronous_commit', 'on', true);
  for found in
    select * from (
    select topic.epoch, lease.partition, lease.term, coalesce(newest.first_offset + newest.count, 1) as next_offset,
      newest.window_done is false as goes_on,
      case when newest.window_done is false then newest.from_snapshot else coalesce(newest.to_snapshot, '1:1:') end as from_s,
      case when newest.window_done is false then newest.from_next else coalesce(newest.to_next, '1') end as from_n,
      case when newest.window_done is false then newest.to_snapshot else this_snapshot end as to_s,
      case when newest.window_done is false then newest.to_next end as to_n,
      case when newest.window_done is false then newest.floor
        else greatest(newest.floor, newest.last_position, 0) end as floor_position,
      case when newest.window_done is false then newest.last_position else 0 end as after_position
    from unnest(partitions, terms) as held(partition, term)
    join commitcast.lease on lease.grp = 'relay' and lease.partition = held.partition and lease.term = held.term
    cross join commitcast.topic
    left join lateral (
      select * from commitcast.page where page.epoch = topic.epoch and page.partition = held.partition
      order by page.first_offset desc limit 1
    ) as newest on true
    ) as place order by from_s::text, to_s::text, partition
  loop
    if pg_snapshot_xmax(found.to_s) < pg_snapshot_xmax(found.from_s) then
      raise exception 'The database went back in time: partition % has a page up to snapshot %, now is %.',
        found.partition, found.from_s, found.to_s
        using errcode = 'data_exception', hint = 'It was restored from an older copy, or failed over to one.';
    end if;
    if seen_window is distinct from found.from_s::text || ' ' || found.to_s::text then
      if cardinality(p) > 0 then
        return query 
    with picked as materialized (
      select place.*, event.*
      from unnest(p, t, o, f, a) as place(partition, term, next_offset, floor_position, after_position)
      cross join lateral (
        select *, row_number() over (order by position) as nth from (
      (select position, tx, id, type, key, data, headers, occurred_at from unnest(writers) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, from_snapshot) and pg_visible_in_snapshot(tx, to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as events
      ) as event
    ), given as (
      insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select e, partition, next_offset, least(count(*), max_page), term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position,
        max(position) filter (where nth <= max_page), count(*) <= max_page
      from picked
      group by partition, next_offset, term, floor_position, after_position
      returning 1
    )
    select e, partition, next_offset + nth - 1, id::text, type, key, data::text, headers::text, tx::text, occurred_at::text
    from picked where nth <= max_page and exists (select from given);
      end if;
      seen_window := found.from_s::text || ' ' || found.to_s::text;
      from_snapshot := found.from_s;
      from_next := found.from_n;
      to_snapshot := found.to_s;
      to_next := found.to_n;
      writers := (
      select array(
        select listed from pg_snapshot_xip(from_snapshot) as listed
        where exists (select from commitcast.outbox where tx = listed)
      ) || array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(from_snapshot) and tx < from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ));
      p := '{}'; t := '{}'; o := '{}'; f := '{}'; a := '{}';
      e := found.epoch;
    end if;
    if cardinality(writers) > 0 or exists (
      select from commitcast.outbox
      where partition = found.partition and position > greatest(found.floor_position, found.after_position))
    then
      p := p || found.partition;
      t := t || found.term;
      o := o || found.next_offset;
      f := f || found.floor_position;
      a := a || found.after_position;
    end if;
  end loop;
  if cardinality(p) > 0 then
    return query 
    with picked as materialized (
      select place.*, event.*
      from unnest(p, t, o, f, a) as place(partition, term, next_offset, floor_position, after_position)
      cross join lateral (
        select *, row_number() over (order by position) as nth from (
      (select position, tx, id, type, key, data, headers, occurred_at from unnest(writers) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, from_snapshot) and pg_visible_in_snapshot(tx, to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as events
      ) as event
    ), given as (
      insert into commitcast.page (epoch, partition, first_offset, count, term, from_snapshot, from_next,
        to_snapshot, to_next, floor, after_position, last_position, window_done)
      select e, partition, next_offset, least(count(*), max_page), term, from_snapshot, from_next,
        to_snapshot, coalesce(to_next, pg_current_xact_id()), floor_position, after_position,
        max(position) filter (where nth <= max_page), count(*) <= max_page
      from picked
      group by partition, next_offset, term, floor_position, after_position
      returning 1
    )
    select e, partition, next_offset + nth - 1, id::text, type, key, data::text, headers::text, tx::text, occurred_at::text
    from picked where nth <= max_page and exists (select from given);
  end if;
end $$;

create function commitcast.read_pages(of_epoch int, of_partition smallint, after_offset bigint, max_pages int)
returns table (epoch int, partition smallint, place bigint, id text, type text, key text, body text, headers text, tx text, occurred text)
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan set timezone = 'UTC' set datestyle = 'ISO' as $$
#variable_conflict use_column
declare
  page record;
  found_events bigint;
  max_events int;
  from_snapshot pg_snapshot;
  from_next xid8;
  to_snapshot pg_snapshot;
  writers xid8[];
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
    from_snapshot := page.from_snapshot;
    from_next := page.from_next;
    to_snapshot := page.to_snapshot;
    max_events := page.count;
    writers := (
      select array(
        select listed from pg_snapshot_xip(from_snapshot) as listed
        where exists (select from commitcast.outbox where tx = listed)
      ) || array(
        with recursive writer as (
          select (select tx from commitcast.outbox where tx >= pg_snapshot_xmax(from_snapshot) and tx < from_next order by tx limit 1) as tx
          union all
          select (select tx from commitcast.outbox where tx > writer.tx and tx < from_next order by tx limit 1) from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ));
    return query
    select page.epoch, of_partition, page.first_offset + row_number() over (order by position) - 1, id::text, type, key, data::text, headers::text, tx::text, occurred_at::text
    from (select of_partition as partition, page.floor as floor_position, page.after_position) as place
    cross join lateral (
      (select position, tx, id, type, key, data, headers, occurred_at from unnest(writers) as writer(writer_tx) cross join lateral (
          select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select position, tx, id, type, key, data, headers, occurred_at from commitcast.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, from_snapshot) and pg_visible_in_snapshot(tx, to_snapshot)
        order by position limit max_events)
      order by position limit max_events) as event order by position;
    get diagnostics found_events = row_count;
    if found_events <> page.count then
      raise exception 'The page log gives % events from offset % of partition %; the outbox has % of them.',
        page.count, page.first_offset, of_partition, found_events using errcode = 'no_data';
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
  raise exception 'The outbox is closed for %: its events are being retired.', new.occurred_at
    using hint = 'Leave occurred_at to its default. If the default gave it, the clock of the database went back.';
end $$;

insert into commitcast.migration (version, name) values (2, 'close leaves');
end if;
end $migration$;
select commitcast.make_leaves(2);
commit;
