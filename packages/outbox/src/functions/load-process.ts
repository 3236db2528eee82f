import type { SqlFunction } from './sql-function.ts'

export const loadProcess: SqlFunction = {
  signature: 'load_process(text, text[])',
  sql: (s) => `
-- Locks instances of a process until the transaction ends, whether they exist or not, in one order for all callers; then reads
-- them. The transaction has to be READ COMMITTED, so that it sees what the holder before it committed.
create or replace function ${s}.load_process(of_process text, wanted text[])
returns table (instance text, incarnation int, state text, notes text, version int, timeouts text, is_finished boolean,
  taken text, ignored text, is_blocked boolean, held int) language plpgsql volatile as $$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock(key) from (
    select distinct hashtextextended('${s}.process.' || of_process || '.' || name, 0) as key from unnest(wanted) as name order by 1
  ) as locks;
  return query
    select name, p.incarnation, p.state::text, p.notes, p.version, p.timeouts::text, p.finished_at is not null, p.taken::text, p.ignored::text,
      exists (select from ${s}.parked where group_name = of_process and parked.instance = name),
      (select count(*)::int from ${s}.process_held as h where h.process = of_process and h.instance = name)
    from unnest(wanted) as name left join ${s}.process_instance as p on p.process = of_process and p.instance = name;
end $$;`,
}
