import type { SqlFunction } from './sql-function.ts'

export const refuseChange: SqlFunction = {
  signature: 'refuse_change()',
  sql: (s) => `
create or replace function ${s}.refuse_change() returns trigger language plpgsql as $$
begin
  if current_setting('commitcast.new_epoch', true) = pg_current_xact_id_if_assigned()::text then return old; end if;
  raise exception 'The outbox is append-only: % on % is refused.', tg_op, tg_table_name
    using hint = 'Old events go by retention, whole days at a time. To take one back, append another event.';
end $$;`,
}
