/**
 * Draws the transaction's id, then asks whether the relay sleeps: in this order, because a relay that falls asleep watches
 * all transactions that had their id by then. Makes sure, too, that there is a segment for now: one
 * look into the catalogue's cache, also where the clock changed or a segment was dropped. Needs a variable `checked record`.
 */
export function beforeAppend(s: string): string {
  return `perform pg_current_xact_id();
  select ${segmentAt(s, 'clock_timestamp()')} is null as needs_segment, exists (select from ${s}.sleeping_relay) as is_asleep into checked;
  if checked.needs_segment then perform ${s}.create_segments(1); end if;`
}

/** SQL that names the segment for a time, null where there is none. */
export function segmentAt(s: string, time: string): string {
  return `to_regclass('${s}.outbox_' || to_char((${time}) at time zone 'utc', 'YYYYMMDD'))`
}

/** Notifies a sleeping relay of what the transaction appends. */
export function afterAppend(s: string): string {
  return notifyRelay(s, '')
}

/**
 * NOTIFY takes a lock of the whole cluster at commit, so it is done only while a relay sleeps. A snapshot older than the
 * statement (repeatable read) can't see it, so it notifies. SET commitcast.notify = off where NOTIFY is forbidden. Needs
 * `checked.is_asleep`.
 */
export function notifyRelay(s: string, payload: string): string {
  return `if (checked.is_asleep or current_setting('transaction_isolation') <> 'read committed')
    and coalesce(current_setting('commitcast.notify', true), '') <> 'off'
  then
    perform pg_notify('${s}', '${payload}');
  end if;`
}
