import type { SqlFunction } from './sql-function.ts'
import { offsetMovedState } from './sql-states.ts'

export const commitOffset: SqlFunction = {
  signature: 'commit_offset(text, smallint, bigint, text, bigint, int, bigint, int, bigint)',
  sql: (s) => `
-- Compare and set: refuses unless the newest offset is the one that the worker began from. Call it last in the transaction
-- whose writes it speaks for. Returns the number of the new row.
create or replace function ${s}.commit_offset(of_group text, of_partition smallint, of_term bigint, of_server text,
  from_number bigint, from_epoch int, from_offset bigint, to_epoch int, to_offset bigint)
returns bigint language plpgsql volatile as $$
declare
  newest record;
  added bigint;
begin
  perform ${s}.hold_lease(of_group, of_partition, of_term);
  perform ${s}.check_server(of_server);
  select number, epoch, "offset" into newest from ${s}.group_offset
  where group_name = of_group and partition = of_partition order by number desc limit 1;
  if (newest.number, newest.epoch, newest."offset") is distinct from (from_number, from_epoch, from_offset) then
    raise exception 'The group "%" is at offset % of epoch % in partition % (row %), and the worker began from offset % of epoch % (row %).',
      of_group, newest."offset", newest.epoch, of_partition, newest.number, from_offset, from_epoch, from_number
      using errcode = '${offsetMovedState}';
  end if;
  insert into ${s}.group_offset (group_name, partition, epoch, "offset")
  values (of_group, of_partition, to_epoch, to_offset) returning number into added;
  if added % 100 = 0 then
    delete from ${s}.group_offset where group_name = of_group and partition = of_partition and number < added;
  end if;
  return added;
end $$;`,
}
