import type { Sql } from './sql.ts'

/** The partitions of a group that no living worker holds, by the database's clock. */
export async function unservedPartitions(
  sql: Sql,
  { schema, group }: { readonly schema: string; readonly group: string },
): Promise<readonly number[]> {
  const rows = await sql.query<{ partition: number }>(
    `select partition::int as partition from ${schema}.lease
     where group_name = $1 and owner not in (select owner from ${schema}.active_members($1)) order by partition`,
    [group],
  )
  return rows.map(({ partition }) => partition)
}
