import type { Sql } from '@commitcast/worker'

/** The last offset of each partition of an epoch that was assigned before a moment, by the database's clock. */
export async function readOffsetsBefore(
  sql: Sql,
  schema: string,
  { epoch, moment }: { readonly epoch: number; readonly moment: Date },
): Promise<readonly number[]> {
  const [row] = await sql.query<{ offsets: string }>(
    `select array_to_json(${schema}.offsets_before($1, $2::text::timestamptz))::text as offsets`,
    [epoch, moment.toISOString()],
  )
  return JSON.parse(row!.offsets) as number[]
}
