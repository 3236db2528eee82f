import type { SqlFunction } from './sql-function.ts'
import { versionConflictState } from './sql-states.ts'

export const appendToAggregate: SqlFunction = {
  signature: 'append_to_aggregate(text, text, bigint, json)',
  sql: (s) => `
-- Takes a JSON array of {type, data, id?, headers?}; appends them in its order, and returns the version of the last one.
create or replace function ${s}.append_to_aggregate(aggregate text, key text, expected_version bigint, events json) returns bigint
language plpgsql volatile as $$
declare
  tried record;
begin
  select * from ${s}.try_append_to_aggregate(aggregate, key, expected_version, events) into tried;
  if not tried.is_appended then
    raise exception 'The aggregate % with key % is at version %, and version % was expected.', aggregate, key, tried.version, expected_version
      using errcode = '${versionConflictState}', hint = 'Another writer was first: read the events again, and decide again. Nothing was appended.';
  end if;
  return tried.version;
end $$;`,
}
