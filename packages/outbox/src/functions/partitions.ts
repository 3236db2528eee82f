import type { SqlFunction } from './sql-function.ts'

/** A constant, so that an expression that calls it costs no more than a number: reading the row made an insert 1.5 times as long. */
export const partitions: SqlFunction = {
  signature: 'partitions()',
  sql: (s) => `
create or replace function ${s}.partitions() returns int language sql immutable as 'select {partitions}';`,
}
