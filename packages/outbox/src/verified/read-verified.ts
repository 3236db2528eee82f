import type { Sql } from '@commitcast/worker'

/** What a relay has found out about a partition on the broker. */
export interface Verified {
  /** Up to here the broker holds what the page log assigned. */
  readonly upTo: number
  /** What is on the messages behind it that hold it, too; `null` where the partition has diverged there. */
  readonly token: string | null
  /** The server that it was compared on. */
  readonly server: string
}

/** The newest of what relays have found out about a partition; `undefined` where none has compared it yet. */
export async function readVerified(
  sql: Sql,
  { schema, epoch, partition }: { readonly schema: string; readonly epoch: number; readonly partition: number },
): Promise<Verified | undefined> {
  const [row] = await sql.query<Verified>(
    `select up_to::float8 as "upTo", token, server from ${schema}.verified where epoch = $1 and partition = $2
     order by number desc limit 1`,
    [epoch, partition],
  )
  return row
}
