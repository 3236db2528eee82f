import type { Sql } from '@commitcast/worker'

/** The last offset that was given in a partition of an epoch: it is published, or will be, whatever brokers lose. 0 where there is none. */
export async function readLastGiven(
  sql: Sql,
  schema: string,
  { epoch, partition }: { readonly epoch: number; readonly partition: number },
): Promise<number> {
  const [row] = await sql.query<{ last: string }>(`select ${lastGiven(schema, '$1', '$2')} as last`, [epoch, partition])
  return Number(row?.last)
}

/** The last offset that was given in an epoch, 0 where there was none. */
export function lastGiven(s: string, epoch: string, partition: string): string {
  return `coalesce((
    select first_offset + count - 1 from ${s}.page
    where page.epoch = ${epoch} and page.partition = ${partition} order by first_offset desc limit 1), 0)`
}
