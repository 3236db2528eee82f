import type { SqlFunction } from './sql-function.ts'

/** Of the trigger by which retention closes a segment, so that nothing can be appended to it any more. */
export const refuseLate: SqlFunction = {
  signature: 'refuse_late()',
  sql: (s) => `
create or replace function ${s}.refuse_late() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return new; end if;
  raise exception 'The outbox is closed for %: its events are being retired.', new.occurred_at
    using hint = 'Leave occurred_at to its default. If the default gave it, the clock of the database went back.';
end $$;`,
}
