/**
 * The events of one partition that are visible in snapshot `to_snapshot` and not in `from_snapshot`, by position: a window
 * (the idea is PgQ's). Two snapshots always give the same set. This is the SQL of it, over the variables of the functions
 * that use it: both snapshots, `writers` (see `findWriters`) and `max_events`; and over a row `place`: its `partition`, its
 * `after_position` (where the window's last page ended) and its `floor_position` (the highest that earlier windows gave).
 *
 * Two index walks: whoever got its transaction id after `from_snapshot` was taken drew positions above the floor; those
 * that were running then may have drawn lower ones and are looked up by their ids.
 */
export function windowEvents(s: string): string {
  const columns = 'position, tx, id, type, key, data, headers, occurred_at'
  return `
      (select ${columns} from unnest(writers) as writer(writer_tx) cross join lateral (
          select ${columns} from ${s}.outbox
          where tx = writer_tx and partition = place.partition and position > place.after_position
            and position <= place.floor_position and pg_visible_in_snapshot(tx, to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select ${columns} from ${s}.outbox
        where partition = place.partition and position > greatest(place.floor_position, place.after_position)
          and not pg_visible_in_snapshot(tx, from_snapshot) and pg_visible_in_snapshot(tx, to_snapshot)
        order by position limit max_events)
      order by position limit max_events`
}

/**
 * The transactions that were running when `from_snapshot` was taken and have written events since or before. A snapshot
 * lists only those below its xmax, which is the last id that had ended, plus one; the others lie between that and
 * `from_next`, an id that was drawn after the snapshot. One index probe for each, however many events they wrote: asked for
 * in an index's order, because for an EXISTS the planner would start reading the whole table.
 */
export function findWriters(s: string): string {
  const next = (bound: string) =>
    `(select tx from ${s}.outbox where tx ${bound} and tx < from_next order by tx limit 1)`
  return `
      select array(
        select listed from pg_snapshot_xip(from_snapshot) as listed
        where pg_visible_in_snapshot(listed, to_snapshot) and (select tx from ${s}.outbox where tx = listed order by partition, position limit 1) is not null
      ) || array(
        with recursive writer as (
          select ${next('>= pg_snapshot_xmax(from_snapshot)')} as tx
          union all
          select ${next('> writer.tx')} from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      )`
}

/** The variables of a window, and the settings of a function that reads one. Compiling such plans takes longer than running them. */
export const windowVariables = `
  from_snapshot pg_snapshot;
  from_next xid8;
  to_snapshot pg_snapshot;
  writers xid8[];`

export const windowSettings = `set jit = off set plan_cache_mode = force_generic_plan set timezone = 'UTC' set datestyle = 'ISO'`

/** An event's columns as texts, as they go on the wire. */
export const eventTexts = `id::text, type, key, data::text, headers::text, tx::text, occurred_at::text`
