import { CommitcastError } from '@commitcast/events'
import { leaseLostState, offsetMovedState, startedAnewState } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** How far a group is in a partition: the last offset that is done, and of which epoch. */
export interface GroupOffset {
  readonly epoch: number
  readonly offset: number
}

/** A group's offset as it is stored: `number` distinguishes it from every other commit of the group, also at the same offset. */
export interface StoredOffset extends GroupOffset {
  readonly number: bigint
}

/** Where a task began, `isStart` where the group has done nothing since it began there or was put there. */
export interface StartOffset extends StoredOffset {
  readonly isStart: boolean
}

/** A group's partition, and the term of the lease under which it is worked on. */
export interface GroupPartition {
  readonly schema: string
  readonly group: string
  readonly partition: number
  readonly term: bigint
  /** The database's server under which the work began. */
  readonly server: string
}

/** Another worker has the partition now. What was about to be committed is not. */
export class LeaseLost extends CommitcastError {
  override readonly name = 'LeaseLost'
  readonly code = 'LEASE_LOST'
}

/**
 * The database has another offset than the one that this worker committed last: a crash or a fail-over lost that commit, or
 * a commit whose answer was lost went through. What was about to be committed is not; the worker reads everything again.
 */
export class OffsetMoved extends CommitcastError {
  override readonly name = 'OffsetMoved'
  readonly code = 'GROUP_OFFSET_MOVED'
}

/** Gives a new group its first offsets, in all partitions at once: the beginning, or what was given by now. Idempotent. */
export async function startGroup(sql: Sql, { schema, group, from }: { schema: string; group: string; from: string }) {
  await sql.query(`select ${schema}.start_group($1, $2)`, [group, from === 'end'])
}

/** Reads how far a group is. */
export async function readGroupOffset(
  sql: Sql,
  { schema, group, partition }: Omit<GroupPartition, 'term' | 'server'>,
): Promise<StartOffset> {
  const [row] = await sql.query<{ number: string; epoch: number; offset: string; isStart: boolean }>(
    `select o.number::text, o.epoch, o."offset"::text, o.is_start as "isStart" from ${schema}.group_offset as o
     where o.group_name = $1 and o.partition = $2 order by o.number desc limit 1`,
    [group, partition],
  )
  if (!row) throw new Error(`The group "${group}" has no offset in partition ${partition}.`)
  return { ...row, number: BigInt(row.number), offset: Number(row.offset) }
}

/**
 * Says how far the group is now, in the transaction of `sql`: the offset and what else it wrote commit together (P5). Call
 * it last. A compare-and-set: throws `OffsetMoved` unless the stored offset is still `from`, and `LeaseLost` where another
 * worker has the partition, or the server is another one: what the broker holds has then to be verified anew. Then the transaction can only roll back.
 */
export async function commitOffset(
  sql: Sql,
  at: GroupPartition,
  { from, to }: { readonly from: StoredOffset; readonly to: GroupOffset },
): Promise<StoredOffset> {
  const [row] = await fenced(
    sql.query<{ number: string }>(
      `select ${at.schema}.commit_offset($1, $2, $3, $4, $5, $6, $7, $8, $9)::text as number`,
      [
        at.group,
        at.partition,
        at.term.toString(),
        at.server,
        from.number.toString(),
        from.epoch,
        from.offset,
        to.epoch,
        to.offset,
      ],
    ),
  )
  return { ...to, number: BigInt(row!.number) }
}

/**
 * Waits for a commit of the partition that is under way, and throws `LeaseLost` unless this worker still has the lease: what
 * is read afterwards is the whole truth.
 */
export async function awaitCommits(
  sql: Sql,
  { schema, group, partition, term }: Omit<GroupPartition, 'server'>,
): Promise<void> {
  await fenced(sql.query(`select ${schema}.hold_lease($1, $2, $3)`, [group, partition, term.toString()]))
}

async function fenced<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    if (code === leaseLostState || code === startedAnewState) throw new LeaseLost(message, { cause: error })
    if (code === offsetMovedState) throw new OffsetMoved(message, { cause: error })
    throw error
  }
}
