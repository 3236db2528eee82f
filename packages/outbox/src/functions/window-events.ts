/**
 * The events of one partition that are visible in snapshot `to_snapshot` and not in `from_snapshot`, by position: a window
 * (the idea is PgQ's). Two snapshots always give the same set. This is the SQL of it, over the variable `max_events` and a
 * row `bounds`: a `partition`, both snapshots, `from_next` (an id that was drawn after `from_snapshot`), `after_position`
 * (where the window's last page ended) and `floor_position` (the highest that earlier windows gave).
 *
 * Two index walks: transactions that got their id after `from_snapshot` was taken drew positions above the floor; those
 * that were running then may have drawn lower ones and are looked up by their ids.
 */
export function windowEvents(s: string): string {
  const columns = 'position, tx, id, type, key, data, headers, occurred_at, bytes'
  return `
      (select ${columns} from unnest(${writers(s)}) as writer(writer_tx) cross join lateral (
          select ${columns} from ${s}.outbox
          where tx = writer_tx and partition = bounds.partition and position > bounds.after_position
            and position <= bounds.floor_position and pg_visible_in_snapshot(tx, bounds.to_snapshot)
          order by position limit max_events
        ) as written
        order by position limit max_events)
      union all
      (select ${columns} from ${s}.outbox
        where partition = bounds.partition and position > greatest(bounds.floor_position, bounds.after_position)
          and not pg_visible_in_snapshot(tx, bounds.from_snapshot) and pg_visible_in_snapshot(tx, bounds.to_snapshot)
        order by position limit max_events)
      order by position limit max_events`
}

/** The events of a row `page` of the page log, or what is left of them, by position, over the variable `max_events`. */
export function eventsOfPage(s: string): string {
  return `(select event.* from (
        select page.partition, page.from_snapshot, page.from_next, page.to_snapshot, page.floor as floor_position, page.after_position
      ) as bounds
      cross join lateral (${windowEvents(s)}) as event where position <= page.last_position)`
}

/** The octets of a window's event: its data and headers. */
export const eventOctets = 'coalesce(bytes, octet_length(data::text) + octet_length(headers::text))'

/**
 * The transactions that were running when `from_snapshot` was taken and have written events since or before. A snapshot
 * lists only those below its xmax, which is the last id that had ended, plus one; the others lie between that and
 * `from_next`. One index probe for each, however many events they wrote: asked for in an index's order, because for an
 * EXISTS the planner would start reading the whole table.
 */
function writers(s: string): string {
  const next = (bound: string) =>
    `(select tx from ${s}.outbox where tx ${bound} and tx < bounds.from_next order by tx limit 1)`
  return `array(
        select listed from pg_snapshot_xip(bounds.from_snapshot) as listed
        where pg_visible_in_snapshot(listed, bounds.to_snapshot)
          and (select tx from ${s}.outbox where tx = listed order by partition, position limit 1) is not null
      ) || case when pg_snapshot_xmax(bounds.from_snapshot) < bounds.from_next then array(
        with recursive writer as (
          select ${next('>= pg_snapshot_xmax(bounds.from_snapshot)')} as tx
          union all
          select ${next('> writer.tx')} from writer where writer.tx is not null
        ) select tx from writer where tx is not null
      ) end`
}

/**
 * The settings of a function that reads a window. Compiling such plans takes longer than running them; and whatever the
 * tables' sizes, events are read by walking an index and stopping, never by reading and sorting a backlog.
 */
export const windowSettings = `set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_bitmapscan = off set enable_sort = off set timezone = 'UTC' set datestyle = 'ISO'`
