import type { Lease, Sql } from '@commitcast/worker'
import { type AssignedPage, type AssignedRow, toPage } from './page.ts'

export interface AssignOptions {
  readonly schema: string
  readonly leases: readonly Lease[]
  readonly maxPage: number
  /** What `checkCluster` returned before the caller read where its partitions end. After another start of the server nothing is assigned. */
  readonly serverStarted?: string
}

/**
 * Assigns the next offsets of each leased partition to its next events: at most one page per partition, none where there is
 * nothing new. What is returned is committed and flushed, so that its events are durable, too (P1, P2). Of two relays that
 * assign the same offsets one gets a unique violation and has assigned nothing. A lease of an older term assigns nothing.
 */
export async function assignOffsets(
  sql: Sql,
  { schema, leases, maxPage, serverStarted }: AssignOptions,
): Promise<AssignedPage[]> {
  const rows = await sql.query<AssignedRow>(
    `select * from ${schema}.assign_offsets($1, $2, $3, $4::text::timestamptz)`,
    [
      leases.map((lease) => lease.partition),
      leases.map((lease) => lease.term.toString()),
      maxPage,
      serverStarted ?? null,
    ],
  )
  return rows.map(toPage)
}

export const fullPageBytes = 2_000_000
/** How much the pages of one call hold together, roughly: each holds less where they are many. */
export const fullAnswerBytes = 16_000_000
