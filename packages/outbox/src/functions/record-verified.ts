import type { SqlFunction } from './sql-function.ts'

export const recordVerified: SqlFunction = {
  signature: 'record_verified(int, smallint, bigint, text, bigint, text)',
  sql: (s) => `
-- Needs no flush: what a crash takes was verified on a server that is gone.
create or replace function ${s}.record_verified(of_epoch int, of_partition smallint, of_term bigint, of_server text, of_up_to bigint, of_token text)
returns void language plpgsql volatile as $$
declare
  newest bigint;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform ${s}.hold_lease('relay', of_partition, of_term);
  perform ${s}.check_server(of_server);
  insert into ${s}.verified (epoch, partition, up_to, token, server)
  values (of_epoch, of_partition, of_up_to, of_token, of_server) returning number into newest;
  delete from ${s}.verified where epoch = of_epoch and partition = of_partition and number < newest;
end $$;`,
}
