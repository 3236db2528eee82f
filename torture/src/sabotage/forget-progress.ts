import type { Sql } from '@commitcast/worker'

/** Statements of a worker that does not learn from its leases that the database has lost its commits. */
export function forgetProgress(sql: Sql): Sql {
  return {
    query: (text, values) =>
      sql.query(text.replace(/\(\s*select max\(number\)[^)]*\)::text as progress/, 'null::text as progress'), values),
  }
}
