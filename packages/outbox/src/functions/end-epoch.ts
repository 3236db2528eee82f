import { lastAssigned } from '../pages/read-last-assigned.ts'
import type { SqlFunction } from './sql-function.ts'

export const endEpoch: SqlFunction = {
  signature: 'end_epoch(int)',
  sql: (s) => `
-- Notes where each partition of an epoch ends: where it has diverged, at the last offset that the broker is known to hold;
-- else at the last one that was assigned, which relays still bring there.
create or replace function ${s}.end_epoch(of_epoch int) returns void language plpgsql volatile as $$
declare
  ended record;
  ends_at bigint;
begin
  for ended in
    select nth::smallint as number, ${lastAssigned(s, 'of_epoch', 'nth::smallint')} as assigned, newest.up_to, newest.token
    from ${s}.topic cross join generate_series(0, topic.partitions - 1) as nth
    left join lateral (
      select up_to, token from ${s}.verified where verified.epoch = of_epoch and verified.partition = nth::smallint
      order by verified.number desc limit 1
    ) as newest on true
  loop
    ends_at := case when ended.up_to is not null and ended.token is null then least(ended.up_to, ended.assigned) else ended.assigned end;
    -- What retention has taken can't be assigned again.
    while ends_at < ended.assigned and ${s}.cut_position(of_epoch, ended.number, ends_at) is null loop
      select first_offset + count - 1 into ends_at from ${s}.page
      where epoch = of_epoch and partition = ended.number and first_offset + count > ends_at + 1 and first_offset > 0
      order by first_offset limit 1;
    end loop;
    insert into ${s}.epoch_end (epoch, partition, "offset") values (of_epoch, ended.number, ends_at);
  end loop;
end $$;`,
}
