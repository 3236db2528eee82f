import type { Lease, Sql } from '@commitcast/worker'
import { type GivenPage, type GivenRow, toPage } from './page.ts'

export interface GiveOptions {
  readonly schema: string
  readonly leases: readonly Lease[]
  readonly maxPage: number
  /** What `checkHome` returned before the caller learned where its partitions end. Another start of the server gives nothing. */
  readonly serverStarted?: string
}

/**
 * Gives the next offsets of each leased partition to its next events: at most one page per partition, none where there is
 * nothing new. What is returned is committed and flushed, so that its events are durable, too (P1, P2). Of two relays that
 * give the same offsets one gets a unique violation and has given nothing. A lease of an older term gives nothing.
 */
export async function givePages(
  sql: Sql,
  { schema, leases, maxPage, serverStarted }: GiveOptions,
): Promise<GivenPage[]> {
  const rows = await sql.query<GivenRow>(`select * from ${schema}.assign_offsets($1, $2, $3, $4::text::timestamptz)`, [
    leases.map((lease) => lease.partition),
    leases.map((lease) => lease.term.toString()),
    maxPage,
    serverStarted ?? null,
  ])
  return rows.map(toPage)
}

export const fullPageBytes = 2_000_000
/** How much the pages of one call hold together, roughly: each less where they are many. */
export const fullAnswerBytes = 16_000_000
