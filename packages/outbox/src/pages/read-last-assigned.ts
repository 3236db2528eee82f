import type { Sql } from '@commitcast/worker'

/**
 * The last offset of a partition in an epoch, 0 where there is none: the last that was assigned, or, in an epoch that has
 * ended, the last that counts. It is published, or will be, whatever brokers lose.
 */
export async function readLastAssigned(
  sql: Sql,
  schema: string,
  { epoch, partition }: { readonly epoch: number; readonly partition: number },
): Promise<number> {
  const [row] = await sql.query<{ last: string }>(`select ${lastAssigned(schema, '$1', '$2')} as last`, [
    epoch,
    partition,
  ])
  return Number(row?.last)
}

/** The same as SQL. */
export function lastAssigned(s: string, epoch: string, partition: string): string {
  return `coalesce((
    select "offset" from ${s}.epoch_end where epoch_end.epoch = ${epoch} and epoch_end.partition = ${partition}), (
    select first_offset + count - 1 from ${s}.page
    where page.epoch = ${epoch} and page.partition = ${partition} order by first_offset desc limit 1), 0)`
}
