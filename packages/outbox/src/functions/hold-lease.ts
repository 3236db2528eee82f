import type { SqlFunction } from './sql-function.ts'
import { leaseLostState } from './sql-states.ts'

export const holdLease: SqlFunction = {
  signature: 'hold_lease(text, smallint, bigint)',
  sql: (s) => `
-- What a worker may do only while its lease has the term that it knows. A worker that takes the lease over waits for our commit,
-- so a worker that freezes just before it is cut off. One transaction at a time: a worker that lost its connection in
-- mid-commit waits for the end of that commit.
create or replace function ${s}.hold_lease(of_group text, of_partition smallint, of_term bigint) returns void
language plpgsql volatile as $$
begin
  perform set_config('idle_in_transaction_session_timeout', '10s', true);
  perform from ${s}.lease where group_name = of_group and partition = of_partition and term = of_term for update;
  if not found then
    raise exception 'Another worker has partition % of the group "%".', of_partition, of_group using errcode = '${leaseLostState}';
  end if;
end $$;`,
}
