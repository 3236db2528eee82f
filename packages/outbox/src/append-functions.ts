/** The functions that writers call. */
export function appendFunctions(s: string): string {
  return `
-- Takes a JSON array of {type, key, data, id?, headers?}; appends them in its order.
create function ${s}.append_all(events json) returns setof uuid language plpgsql volatile as $$
declare
  place record;
begin
  ${beforeAppend(s)}
  return query
    insert into ${s}.outbox (id, type, key, data, headers)
    select coalesce(e.id, ${s}.uuid_v7()), e.type, e.key, coalesce(e.data, 'null'), coalesce(e.headers, '{}')
    from rows from (json_to_recordset(events) as (id uuid, type text, key text, data json, headers json))
      with ordinality as e(id, type, key, data, headers, nth) order by nth
    returning outbox.id;
  ${afterAppend(s)}
end $$;

create function ${s}.append(type text, key text, data json, headers json default '{}', id uuid default null) returns uuid
language plpgsql volatile as $$
declare
  place record;
begin
  ${beforeAppend(s)}
  id := coalesce(id, ${s}.uuid_v7());
  insert into ${s}.outbox (id, type, key, data, headers) values (id, type, key, data, headers);
  ${afterAppend(s)}
  return id;
end $$;
`
}

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
