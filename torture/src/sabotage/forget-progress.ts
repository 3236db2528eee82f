import type { Sql } from '@commitcast/worker'

const newest = 2n ** 63n - 1n

/** Statements of a worker that does not learn from its leases that the database has lost its commits. */
export function forgetProgress(sql: Sql): Sql {
  return {
    query: (text, values) =>
      sql.query(text.replace(/\(\s*select max\(number\)[^)]*\)::text as progress/, `'${newest}' as progress`), values),
  }
}
