import type { SqlFunction } from './sql-function.ts'

export const unschedule: SqlFunction = {
  signature: 'unschedule(text, text)',
  sql: (s) => `
-- Returns whether it was still there. One that is being appended is waited for, and then it is gone.
create or replace function ${s}.unschedule(name text, owner text default '') returns boolean language plpgsql volatile as $$
begin
  delete from ${s}.scheduled_event as event where (event.owner, event.name) = (unschedule.owner, unschedule.name);
  return found;
end $$;`,
}
