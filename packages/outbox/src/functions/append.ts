import { afterAppend, beforeAppend } from './around-append.ts'
import type { SqlFunction } from './sql-function.ts'

export const append: SqlFunction = {
  signature: 'append(text, text, json, json, uuid)',
  sql: (s) => `
create or replace function ${s}.append(type text, key text, data json, headers json default '{}', id uuid default null) returns uuid
language plpgsql volatile as $$
declare
  checked record;
begin
  ${beforeAppend(s)}
  id := coalesce(id, ${s}.uuid_v7());
  insert into ${s}.outbox (id, type, key, data, headers) values (id, type, key, data, headers);
  ${afterAppend(s)}
  return id;
end $$;`,
}
