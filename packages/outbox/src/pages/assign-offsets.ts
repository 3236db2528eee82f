import type { Lease, Sql } from '@commitcast/worker'
import type { NextDue } from '../schedule/next-due.ts'
import { type AssignedPage, type AssignedRow, toPage } from './page.ts'

export interface AssignOptions {
  readonly schema: string
  readonly leases: readonly Lease[]
  readonly maxPage: number
  /** What `checkCluster` returned before the caller read where its partitions end. After another start of the server nothing is assigned. */
  readonly serverStarted?: string
  /** Receives when the next scheduled event is due. */
  readonly nextDue?: NextDue
}

/**
 * Assigns the next offsets of each leased partition to its next events: at most one page per partition, none where there is
 * nothing new. What is returned is committed and flushed, so that its events are durable, too (P1, P2). Of two relays that
 * assign the same offsets one gets a unique violation and has assigned nothing. A lease of an older term assigns nothing.
 */
export async function assignOffsets(
  sql: Sql,
  { schema, leases, maxPage, serverStarted, nextDue }: AssignOptions,
): Promise<AssignedPage[]> {
  const assigning = `${schema}.assign_offsets($1, $2, $3, $4::text::timestamptz)`
  const values = [
    leases.map((lease) => lease.partition),
    leases.map((lease) => lease.term.toString()),
    maxPage,
    serverStarted ?? null,
  ]
  if (!nextDue) return (await sql.query<AssignedRow>(`select * from ${assigning}`, values)).map(toPage)
  const askedAt = performance.now()
  const rows = await sql.query<AssignedRow & { readonly in_ms: number | null }>(
    `select page.*, due.in_ms from (select ${schema}.due_in_ms($5::text::timestamptz) as in_ms) as due left join ${assigning} as page on true`,
    [...values, nextDue.from],
  )
  nextDue.see(rows[0]!.in_ms, askedAt)
  return rows.filter(({ events }) => events !== null).map(toPage)
}

export const fullPageBytes = 2_000_000
/** How much the pages of one call hold together, roughly: each holds less where they are many. */
export const fullAnswerBytes = 16_000_000
