import type { SqlFunction } from './sql-function.ts'

export const commitOffset: SqlFunction = {
  signature: 'commit_offset(text, smallint, bigint, int, bigint)',
  sql: (s) => `
-- Call it last in the transaction whose writes it speaks for.
create or replace function ${s}.commit_offset(of_group text, of_partition smallint, of_term bigint, of_epoch int, of_offset bigint)
returns void language plpgsql volatile as $$
declare
  newest bigint;
begin
  perform ${s}.hold_lease(of_group, of_partition, of_term);
  insert into ${s}.group_offset (grp, partition, epoch, "offset")
  values (of_group, of_partition, of_epoch, of_offset) returning number into newest;
  if newest % 100 = 0 then
    delete from ${s}.group_offset where grp = of_group and partition = of_partition and number < newest;
  end if;
end $$;`,
}
