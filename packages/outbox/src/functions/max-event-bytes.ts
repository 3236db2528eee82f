import type { SqlFunction } from './sql-function.ts'

/** A constant, as `partitions` is. */
export const maxEventBytes: SqlFunction = {
  signature: 'max_event_bytes()',
  sql: (s) => `
create or replace function ${s}.max_event_bytes() returns int language sql immutable as 'select {max_event_bytes}';`,
}
