import type { SqlFunction } from './sql-function.ts'

export const segmentEnd: SqlFunction = {
  signature: 'segment_end(oid)',
  sql: (s) => `
-- When the day of a segment ends. Its bound is a text, which the settings of the session write, and read again: not every
-- date style and time zone gives the same moment back.
create or replace function ${s}.segment_end(of_table oid) returns timestamptz language sql stable
set datestyle = 'ISO' set timezone = 'UTC' as $$
  select (regexp_match(pg_get_expr(relpartbound, oid), ' TO [(]''([^'']+)''[)]'))[1]::timestamptz from pg_class where oid = of_table
$$;`,
}
