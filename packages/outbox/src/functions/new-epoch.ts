import type { SqlFunction } from './sql-function.ts'
import { boundaryNeededState } from './sql-states.ts'

/**
 * The function behind `newEpoch`. An epoch begins with a page at offset 0, which holds no event: it stands for all that was
 * assigned before, so that windows continue from it as from any other page.
 */
export const newEpoch: SqlFunction = {
  signature: 'new_epoch(int, bigint)',
  sql: (s) => `
-- Writers are locked out until it commits. Nothing before the snapshot may draw a transaction id: ours has to be new to it.
create or replace function ${s}.new_epoch(from_epoch int, restored_boundary bigint)
returns table (epoch int, is_new boolean, moved bigint) language plpgsql volatile set lock_timeout = '5s' as $$
#variable_conflict use_column
declare
  known record;
  present record;
  identity record;
  segment record;
  newest_position bigint;
  is_foreign boolean;
  start_snapshot pg_snapshot;
  moved_events bigint := 0;
begin
  if pg_current_xact_id_if_assigned() is not null or current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'new_epoch has to be alone in its transaction, in READ COMMITTED.';
  end if;
  lock table ${s}.outbox in share row exclusive mode;
  start_snapshot := pg_current_snapshot();
  select * into known from ${s}.topic;
  if known.epoch <> from_epoch then
    return query select known.epoch, false, 0::bigint;
    return;
  end if;
  perform set_config('synchronous_commit', 'on', true);

  -- A relay that is assigning offsets right now holds its lease; all others find their terms outdated, and read the topic again.
  perform from ${s}.lease order by group_name, partition for update;
  update ${s}.lease set owner = '', term = term + 1, expires_at = '-infinity';

  select * into present from ${s}.this_cluster();
  select * into identity from ${s}.read_cluster_identity();
  select coalesce(max(last_position), 0),
    coalesce(bool_or(pg_snapshot_xmax(to_snapshot) > pg_snapshot_xmax(start_snapshot)), false)
  into newest_position, is_foreign
  from ${newestPages(s, 'from_epoch')} as newest;
  is_foreign := is_foreign or restored_boundary is not null or (
    (known.system_identifier, known.database) is distinct from (present.system_identifier, present.database)
    and (identity.database is null or (identity.system_identifier, identity.database) is not distinct from (present.system_identifier, present.database)));
  perform ${s}.end_epoch(from_epoch);

  if is_foreign then
    restored_boundary := coalesce(restored_boundary, identity.position);
    if coalesce(restored_boundary < newest_position, true) then
      raise exception 'It is not known which events came with the restored dump (position % at least) and which were written here since.',
        newest_position using errcode = '${boundaryNeededState}',
        hint = 'Say it with --restored-up-to: the highest position in the outbox when the restore had ended.';
    end if;
    ${moveEvents(s)}
    ${startAfresh(s)}
  else
    ${continueWindows(s)}
  end if;
  update ${s}.topic set epoch = from_epoch + 1, id = gen_random_uuid(), system_identifier = present.system_identifier, database = present.database;
  return query select from_epoch + 1, true, moved_events;
end $$;`,
}

const windowColumns = 'from_snapshot, from_next, to_snapshot, to_next, floor'

/** For each partition the newest page of an epoch, or nulls; one that reaches behind the epoch's end is cut there. */
function newestPages(s: string, epoch: string): string {
  const page = `select page.epoch, page.term, ${windowColumns}, page.after_position,
        page.first_offset + page.count - 1 > epoch_end."offset" as is_cut, page.last_position, page.window_done
      from ${s}.page where page.epoch = ${epoch} and page.partition = number::smallint`
  return `(
    select number::smallint as partition_number, page.epoch, page.term, ${windowColumns}, page.after_position,
      case when is_cut then ${s}.cut_position(${epoch}, number::smallint, epoch_end."offset") else last_position end as last_position,
      window_done and is_cut is not true as window_done
    from generate_series(0, known.partitions - 1) as number
    left join ${s}.epoch_end on epoch_end.epoch = ${epoch} and epoch_end.partition = number::smallint
    left join lateral (
      (${page} and page.first_offset > 0 and page.first_offset + page.count - 1 > epoch_end."offset" order by page.first_offset limit 1)
      union all
      (${page} order by page.first_offset desc limit 1)
      order by is_cut desc nulls last limit 1
    ) as page on true
  )`
}

/**
 * Transaction ids continue: so do the windows, even in the middle of one. What was assigned behind the epoch's end keeps its
 * pages and its order: offset n of it is n minus the end from now on, also for what is refused or parked there.
 */
function continueWindows(s: string): string {
  return `
    insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next, to_snapshot, to_next,
      floor, after_position, last_position, window_done)
    select from_epoch + 1, partition_number, 0, 1, term, from_snapshot, from_next, to_snapshot, to_next,
      floor, after_position, last_position, window_done
    from ${newestPages(s, 'from_epoch')} as newest where newest.epoch is not null;
    insert into ${s}.page (epoch, partition, first_offset, count, term, ${windowColumns},
      after_position, last_position, window_done, assigned_at)
    select from_epoch + 1, partition, greatest(first_offset - ending, 1), least(count, first_offset + count - 1 - ending), term, ${windowColumns},
      case when first_offset <= ending then ${s}.cut_position(from_epoch, partition, ending) else after_position end,
      last_position, window_done, assigned_at
    from ${s}.page join (select partition, "offset" as ending from ${s}.epoch_end where epoch = from_epoch) as ended using (partition)
    where epoch = from_epoch and first_offset > 0 and first_offset + count - 1 > ending;
    insert into ${s}.refused (epoch, partition, "offset")
    select from_epoch + 1, refused.partition, refused."offset" - epoch_end."offset"
    from ${s}.refused join ${s}.epoch_end on epoch_end.epoch = refused.epoch and epoch_end.partition = refused.partition
    where refused.epoch = from_epoch and refused."offset" > epoch_end."offset";
    update ${s}.parked set epoch = from_epoch + 1, "offset" = parked."offset" - epoch_end."offset"
    from ${s}.epoch_end where parked.epoch = from_epoch and epoch_end.epoch = from_epoch
      and epoch_end.partition = parked.partition and parked."offset" > epoch_end."offset";`
}

/**
 * What has no offset yet goes to the end of the outbox, with ids of this transaction. Of what came with the dump that is
 * what the newest page of its partition does not cover, by the old numbers; of what was written here since, everything.
 * What has an offset keeps its numbers: the pages of earlier epochs are read by them, and newer pages look only above.
 */
function moveEvents(s: string): string {
  return `
    -- The outbox has no primary key: a publication of all tables would refuse the DELETE.
    if exists (select from pg_publication where pubdelete) then
      for segment in select relid::text as name from pg_partition_tree('${s}.outbox') where isleaf loop
        execute format('alter table %s replica identity full', segment.name);
      end loop;
    end if;
    perform set_config('commitcast.new_epoch', pg_current_xact_id()::text, true);
    perform setval(pg_get_serial_sequence('${s}.outbox', 'position'), greatest(restored_boundary, newest_position, 1,
      (select max(position) from ${s}.outbox), nextval(pg_get_serial_sequence('${s}.outbox', 'position'))));
    update ${s}.topic set restored_up_to = currval(pg_get_serial_sequence('${s}.outbox', 'position'));
    with newest as materialized (
      select * from ${newestPages(s, 'from_epoch')} as newest
    ), unassigned as (
      delete from ${s}.outbox using newest
      where outbox.partition = newest.partition_number and outbox.position > known.restored_up_to
        and (outbox.position > restored_boundary or newest.epoch is null or not case when newest.window_done
          then pg_visible_in_snapshot(outbox.tx, newest.to_snapshot)
          else pg_visible_in_snapshot(outbox.tx, newest.from_snapshot)
            or (outbox.position <= newest.last_position and pg_visible_in_snapshot(outbox.tx, newest.to_snapshot)) end)
      returning outbox.position, outbox.id, outbox.type, outbox.key, outbox.data, outbox.headers, outbox.occurred_at
    )
    insert into ${s}.outbox (id, type, key, data, headers, occurred_at)
    select id, type, key, data, headers, occurred_at from unassigned order by position;
    get diagnostics moved_events = row_count;
    perform set_config('commitcast.new_epoch', '', true);`
}

/** The first windows begin at our snapshot: all transactions that wrote before have ended, none has since. */
function startAfresh(s: string): string {
  return `
    insert into ${s}.page (epoch, partition, first_offset, count, term, from_snapshot, from_next, to_snapshot, to_next,
      floor, after_position, last_position, window_done)
    select from_epoch + 1, number, 0, 1, 0, start_snapshot, pg_current_xact_id(), start_snapshot, pg_current_xact_id(),
      restored_up_to, restored_up_to, restored_up_to, true
    from ${s}.topic cross join generate_series(0, partitions - 1) as number;`
}
