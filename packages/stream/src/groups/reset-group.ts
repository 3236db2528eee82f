import { CommitcastError } from '@commitcast/events'
import { readTopic } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'

/** Where a group is moved: to the first event that is still kept, behind all that has an offset now, to a time, or to an offset. */
export type GroupTarget =
  | { readonly to: 'beginning' }
  | { readonly to: 'end' }
  /** It continues with the first event that got its offset at this time or later. */
  | { readonly to: 'time'; readonly time: Date }
  /** It continues with the offset after this one, in the present epoch unless another is given. */
  | { readonly to: 'offset'; readonly offset: number; readonly epoch?: number }

export interface ResetGroupOptions {
  readonly schema: string
  readonly group: string
  /** Default all of them. */
  readonly partition?: number
  readonly target: GroupTarget
}

/** A partition's new offset: the last one that counts as done. */
export interface GroupPlaceAt {
  readonly partition: number
  readonly epoch: number
  readonly offset: number
}

/** A group can't be put there; nothing has changed. */
export class ResetRefused extends CommitcastError {
  override readonly name = 'ResetRefused'
  readonly code = 'RESET_REFUSED'
}

/**
 * Moves a group to other offsets, also while its workers run: they continue from there, and what they were just doing does not
 * count. Events that are read again have their effects again. Parked events behind the new offset are removed, because they are
 * read again; those before it stay. Returns the new offsets. Throws `ResetRefused` for a group, partition or offset that is not there, and for a process.
 */
export async function resetGroup(sql: Sql, options: ResetGroupOptions): Promise<readonly GroupPlaceAt[]> {
  const { schema, group, partition } = options
  const { partitions } = await readTopic(sql, schema)
  await checkGroup(sql, options)
  await refuseProcess(sql, options)
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition < partitions)) {
    throw new ResetRefused(`There is no partition ${partition}: they go from 0 to ${partitions - 1}.`)
  }
  const wanted = partition === undefined ? Array.from({ length: partitions }, (_, number) => number) : [partition]
  const positions = await findPositions(sql, { ...options, wanted })
  await sql.query(`select ${schema}.set_group_offsets($1, $2::text::json)`, [group, JSON.stringify(positions)])
  return positions
}

async function checkGroup(sql: Sql, { schema, group }: ResetGroupOptions): Promise<void> {
  const rows = await sql.query<{ group_name: string }>(
    `select distinct group_name from ${schema}.group_offset order by group_name`,
  )
  const known = rows.map((row) => row.group_name)
  if (known.includes(group)) return
  throw new ResetRefused(
    `There is no group ${JSON.stringify(group)}. ${known.length === 0 ? 'None has begun yet.' : `There are: ${known.join(', ')}.`}`,
  )
}

/** A process that reads events again would append what it appended before, and set its time-outs anew. */
async function refuseProcess(sql: Sql, { schema, group }: ResetGroupOptions): Promise<void> {
  const rows = await sql.query(`select from ${schema}.process_instance where process = $1 limit 1`, [group])
  if (rows.length === 0) return
  throw new ResetRefused(`"${group}" is a process: what it appended would be appended again. It can't be reset.`)
}

type Wanted = ResetGroupOptions & { readonly wanted: readonly number[] }

async function findPositions(sql: Sql, { schema, target, wanted }: Wanted): Promise<readonly GroupPlaceAt[]> {
  if (target.to === 'beginning') return wanted.map((partition) => ({ partition, epoch: 1, offset: 0 }))
  const time = target.to === 'time' ? target.time.toISOString() : 'infinity'
  const epoch = target.to === 'offset' ? (target.epoch ?? null) : null
  const rows = await sql.query<{ partition: number; epoch: number; offset: number }>(lastAssignedBefore(schema), [
    wanted,
    time,
    epoch,
  ])
  if (target.to !== 'offset') return rows
  const { offset } = target
  const tooFar = rows.find((row) => !(Number.isInteger(offset) && offset >= 0 && offset <= row.offset))
  if (tooFar) {
    throw new ResetRefused(
      `Offset ${offset} can't be set: partition ${tooFar.partition} has the offsets 1 to ${tooFar.offset} in epoch ${tooFar.epoch}. 0 is before the first.`,
    )
  }
  return rows.map((row) => ({ ...row, offset }))
}

/** Walks back from the newest page: what is looked for is rarely old. */
function lastAssignedBefore(s: string): string {
  return `
    select number as partition, coalesce(page.epoch, $3, case when $2::text = 'infinity' then topic.epoch else 1 end) as epoch,
      coalesce(page.last, 0)::float8 as "offset"
    from ${s}.topic cross join unnest($1::int[]) as number
    left join lateral (
      select epoch, least(first_offset + count - 1, (
          select epoch_end."offset" from ${s}.epoch_end where epoch_end.epoch = page.epoch and epoch_end.partition = page.partition)) as last
      from ${s}.page
      where partition = number and assigned_at < $2::text::timestamptz and epoch = coalesce($3, case when $2::text = 'infinity' then topic.epoch else epoch end)
      order by epoch desc, first_offset desc limit 1
    ) as page on true order by number`
}
