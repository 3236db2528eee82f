import type { Migration } from '../migrate.ts'
import { retryParkedFunction } from '../parked/handle-parked.ts'
import { parkRefusedFunction } from '../parked/park-refused.ts'
import { noteParked } from '../parked/parked-history.ts'

/**
 * How far each consumer group is, and what it parked. Offsets are inserted, never updated: a row that is updated for each
 * batch slows to a crawl while somebody's old transaction keeps its versions alive.
 */
export const consumerGroups: Migration = {
  version: 5,
  name: 'consumer groups',
  sql: (s) => `
-- The newest row of a group's partition is its progress.
create table ${s}.group_offset (
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
create function ${s}.hold_lease(of_group text, of_partition smallint, of_term bigint) returns void
language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from ${s}.lease where grp = of_group and partition = of_partition and term = of_term for share;
  if not found then
    raise exception 'Another worker has partition % of the group "%".', of_partition, of_group using errcode = '${leaseLostState}';
  end if;
end $$;

-- Call it last in the transaction whose writes it speaks for.
create function ${s}.commit_offset(of_group text, of_partition smallint, of_term bigint, of_epoch int, of_offset bigint)
returns void language plpgsql volatile as $$
declare
  newest bigint;
begin
  perform ${s}.hold_lease(of_group, of_partition, of_term);
  insert into ${s}.group_offset (grp, partition, epoch, "offset")
  values (of_group, of_partition, of_epoch, of_offset) returning number into newest;
  if newest % 100 = 0 then
    delete from ${s}.group_offset where grp = of_group and partition = of_partition and number < newest;
  end if;
end $$;

-- Gives a new group its first offsets: all partitions in one commit.
create function ${s}.start_group(of_group text, at_end boolean) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('${s}.start_group', 0));
  if exists (select from ${s}.group_offset where grp = of_group) then return; end if;
  insert into ${s}.group_offset (grp, partition, epoch, "offset", is_start)
  select of_group, number, case when at_end then topic.epoch else 1 end,
    case when at_end then ${lastGiven(s, 'topic.epoch', 'number::smallint')} else 0 end, true
  from ${s}.topic cross join generate_series(0, topic.partitions - 1) as number;
end $$;

-- Puts a group elsewhere: workers find their terms outdated and read the new offsets. What is parked behind the new place
-- goes, because it comes again.
create function ${s}.put_group(of_group text, places json) returns void language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from ${s}.lease where grp = of_group order by partition for update;
  update ${s}.lease set owner = '', term = term + 1, expires_at = '-infinity' where grp = of_group;
  with place as (
    insert into ${s}.group_offset (grp, partition, epoch, "offset", is_start)
    select of_group, place.partition, place.epoch, place."offset", true
    from json_to_recordset(places) as place(partition smallint, epoch int, "offset" bigint) returning *
  ), event as (
    delete from ${s}.parked using place
    where parked.grp = of_group and parked.partition = place.partition
      and (parked.epoch, parked."offset") > (place.epoch, place."offset")
    returning parked.*
  ) ${noteParked(s, 'reset', { rows: 'event' })};
end $$;

alter table ${s}.parked
  -- How often it was tried; 0 for one that only waits behind another of its key.
  add column attempts int not null default 1,
  -- Somebody asked for another try.
  add column retry boolean not null default false,
  add column tx xid8;

-- Who did what to parked events; 90 days of it.
create table ${s}.parked_history (
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
create index parked_history_at on ${s}.parked_history (at);

${parkRefusedFunction(s)}
${retryParkedFunction(s)}`,
}

/** SQLSTATE: the lease has another term. */
export const leaseLostState = 'OB005'

/** The last offset that was given in an epoch, 0 where there was none. */
export function lastGiven(s: string, epoch: string, partition: string): string {
  return `coalesce((
    select first_offset + count - 1 from ${s}.page
    where page.epoch = ${epoch} and page.partition = ${partition} order by first_offset desc limit 1), 0)`
}
