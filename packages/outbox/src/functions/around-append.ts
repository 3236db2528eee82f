/**
 * Draws the transaction's id, then asks whether the relay sleeps: in this order, because a relay that falls asleep watches
 * all transactions that had their id by then. Makes sure, too, that there is a segment for now: one
 * look into the catalogue's cache, whatever the clock did and whoever dropped one. Needs a variable `place record`.
 */
export function beforeAppend(s: string): string {
  return `perform pg_current_xact_id();
  select ${leafAt(s, 'clock_timestamp()')} is null as is_missing, exists (select from ${s}.sleeper) as is_asleep into place;
  if place.is_missing then perform ${s}.make_leaves(1); end if;`
}

/** SQL that names the segment for a time, null where there is none. */
export function leafAt(s: string, time: string): string {
  return `to_regclass('${s}.outbox_' || to_char((${time}) at time zone 'utc', 'YYYYMMDD'))`
}

/**
 * NOTIFY takes a lock of the whole cluster at commit, so it is done only while a relay sleeps. A snapshot older than the
 * statement (repeatable read) can't tell, so it notifies. SET commitcast.notify = off where NOTIFY is forbidden.
 */
export function afterAppend(s: string): string {
  return `if (place.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('${s}', '');
  end if;`
}
