/** SQL expressions that pin down a stretch of a window; see `windowEvents`. */
export interface WindowBounds {
  readonly partition: string
  readonly from: string
  /** A transaction id that was drawn after `from` was taken. */
  readonly fromNext: string
  readonly to: string
  /** The highest position that earlier windows gave. */
  readonly floor: string
  /** Where the window's last page ended; 0 at its start. */
  readonly after: string
  readonly limit: string
}

const columns = 'position, tx, id, type, key, data, headers, occurred_at'

/**
 * The events of one partition that are visible in snapshot `to` and not in `from`, by position (the idea is PgQ's).
 * Two snapshots always give the same set. It is read by two index walks: whoever got its transaction id after `from` was
 * taken drew positions above `floor`; those that were running then may have drawn lower ones and are looked up by their
 * ids. A snapshot lists only those below its xmax, which is the last id that had ended, plus one; the others lie between
 * that and `fromNext`.
 */
export function windowEvents(schema: string, bounds: WindowBounds): string {
  const { partition, from, fromNext, to, floor, after, limit } = bounds
  const listed = `array(select pg_snapshot_xip(${from}))`
  return `(
    select * from (
      (select ${columns} from ${schema}.outbox
        where tx = any (${listed} || ${unlisted(schema, from, fromNext)}) and partition = ${partition}
          and position > ${after} and position <= ${floor} and pg_visible_in_snapshot(tx, ${to})
        order by position limit ${limit})
      union all
      (select ${columns} from ${schema}.outbox
        where partition = ${partition} and position > greatest(${floor}, ${after})
          and (tx >= pg_snapshot_xmax(${from}) or tx = any (${listed}))
          and pg_visible_in_snapshot(tx, ${to})
        order by position limit ${limit})
    ) as either order by position limit ${limit})`
}

/** The ids from xmax up to, not including, `next` that wrote events: one index probe for each, however many events. */
function unlisted(schema: string, from: string, next: string): string {
  const first = (bound: string) =>
    `(select tx from ${schema}.outbox where tx ${bound} and tx < ${next} order by tx limit 1)`
  return `array(
    with recursive writer as (
      ${first(`>= pg_snapshot_xmax(${from})`)}
      union all
      select ${first('> writer.tx')} from writer where writer.tx is not null
    ) select tx from writer where tx is not null)`
}

/** An event's columns as texts, as they go on the wire. */
export const eventTexts = `
  id::text, type, key, data::text as body, headers::text, tx::text,
  to_char(occurred_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time`

export interface EventTexts {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly body: string
  readonly headers: string
  readonly tx: string
  readonly time: string
}
