import type { Sql } from '@commitcast/worker'
import { lastGiven } from '../migrations/0005-consumer-groups.ts'

/** The last offset that was given in a partition of an epoch: it is published, or will be, whatever brokers lose. 0 where there is none. */
export async function readLastGiven(
  sql: Sql,
  schema: string,
  { epoch, partition }: { readonly epoch: number; readonly partition: number },
): Promise<number> {
  const [row] = await sql.query<{ last: string }>(`select ${lastGiven(schema, '$1', '$2')} as last`, [epoch, partition])
  return Number(row?.last)
}
