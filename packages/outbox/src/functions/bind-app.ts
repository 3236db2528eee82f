import type { SqlFunction } from './sql-function.ts'

export const bindApp: SqlFunction = {
  signature: 'bind_app(text)',
  sql: (s) => `
-- Returns the app that the tables belong to: this one, where none has used them. Whatever the caller's own rights.
create or replace function ${s}.bind_app(of_app text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  bound text := (select app from ${s}.topic);
begin
  if bound is null then
    update ${s}.topic set app = of_app where app is null;
    bound := (select app from ${s}.topic);
  end if;
  return bound;
end $$;`,
}
