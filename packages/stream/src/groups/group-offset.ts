import { leaseLostState } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** How far a group is in a partition: the last offset that is done, and of which epoch. */
export interface GroupOffset {
  readonly epoch: number
  readonly offset: number
}

/** A group's partition, and the term of the lease under which it is worked on. */
export interface GroupPartition {
  readonly schema: string
  readonly group: string
  readonly partition: number
  readonly term: bigint
}

/** Another worker has the partition now. What was about to be committed is not. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
  readonly code = 'LEASE_LOST'
}

/** Gives a new group its first offsets, in all partitions at once: the beginning, or what was given by now. Idempotent. */
export async function startGroup(sql: Sql, { schema, group, from }: { schema: string; group: string; from: string }) {
  await sql.query(`select ${schema}.start_group($1, $2)`, [group, from === 'end'])
}

/** Reads how far a group is. `isStart`: it has done nothing since it began there or was put there. */
export async function readGroupOffset(
  sql: Sql,
  { schema, group, partition }: Omit<GroupPartition, 'term'>,
): Promise<GroupOffset & { readonly isStart: boolean }> {
  const [row] = await sql.query<{ epoch: number; offset: string; isStart: boolean }>(
    `select epoch, "offset", is_start as "isStart" from ${schema}.group_offset where grp = $1 and partition = $2
     order by number desc limit 1`,
    [group, partition],
  )
  if (!row) throw new Error(`The group "${group}" has no offset in partition ${partition}.`)
  return { ...row, offset: Number(row.offset) }
}

/**
 * Says how far the group is now, in the transaction of `sql`: the offset and what else it wrote commit together (P5). Call
 * it last. Throws `LeaseLost` where another worker has the partition; then the transaction can only roll back.
 */
export async function commitOffset(sql: Sql, at: GroupPartition, { epoch, offset }: GroupOffset): Promise<void> {
  await fenced(
    sql.query(`select ${at.schema}.commit_offset($1, $2, $3, $4, $5)`, [
      at.group,
      at.partition,
      at.term.toString(),
      epoch,
      offset,
    ]),
  )
}

/** Lets the transaction of `sql` commit only while this worker has the partition. Throws `LeaseLost` otherwise. */
export async function holdLease(sql: Sql, { schema, group, partition, term }: GroupPartition): Promise<void> {
  await fenced(sql.query(`select ${schema}.hold_lease($1, $2, $3)`, [group, partition, term.toString()]))
}

async function fenced(statement: Promise<unknown>): Promise<void> {
  try {
    await statement
  } catch (error) {
    if ((error as { code?: unknown }).code !== leaseLostState) throw error
    throw new LeaseLost((error as Error).message, { cause: error })
  }
}
