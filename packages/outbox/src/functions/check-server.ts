import type { SqlFunction } from './sql-function.ts'
import { startedAnewState } from './sql-states.ts'

export const checkServer: SqlFunction = {
  signature: 'check_server(text)',
  sql: (s) => `
-- What a worker may do only on the server on which it began: another one may be an older copy.
create or replace function ${s}.check_server(of_server text) returns void language plpgsql stable as $$
begin
  if of_server <> ${s}.server_identity() then
    raise exception 'The database server was started anew, at %.', pg_postmaster_start_time() using errcode = '${startedAnewState}';
  end if;
end $$;`,
}
