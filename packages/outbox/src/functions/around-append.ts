/**
 * Draws the transaction's id, then asks whether the relay sleeps: in this order, because a relay that falls asleep watches
 * all transactions that had their id by then. Makes sure, too, that there is a leaf for now. Needs a variable
 * `place record`.
 */
export function beforeAppend(s: string): string {
  return `perform pg_current_xact_id();
  select clock_timestamp() >= topic.leaves_until as is_late, exists (select from ${s}.sleeper) as is_asleep
  into place from ${s}.topic;
  if place.is_late then perform ${s}.make_leaves(1); end if;`
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
