import { firstKept, readEpochEnd, readTopic } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { RebuildRefused } from './rebuild-refused.ts'

export interface StartRebuildOptions {
  readonly schema: string
  /** The projection's name. */
  readonly group: string
  /** Begin with the first event that is still kept, where earlier ones are gone. Default: refuse. */
  readonly fromKept?: boolean
}

/**
 * Asks for a projection to be built anew, from the first event on, beside the live one. The projection's workers do it,
 * with the code that they run now, and switch over when it has caught up.
 *
 * Throws `RebuildRefused` where there is no such group, where it is being rebuilt already, and where the outbox no longer
 * has the first event.
 */
export async function startRebuild(sql: Sql, { schema, group, fromKept = false }: StartRebuildOptions): Promise<void> {
  await checkGroup(sql, schema, group)
  if (!fromKept) await checkBeginning(sql, schema, group)
  const asked = await sql.query(
    `insert into ${schema}.rebuild (group_name, from_kept) values ($1, $2) on conflict (group_name) do nothing returning id`,
    [group, fromKept],
  )
  if (asked.length === 0) {
    throw new RebuildRefused(`The group "${group}" is being rebuilt already: let it end, or cancel it first.`)
  }
}

/** Gives a rebuild up; the live tables stay as they are. Says whether there was one. Needs to own the shadow's tables. */
export async function cancelRebuild(sql: Sql, { schema, group }: { schema: string; group: string }): Promise<boolean> {
  const [row] = await sql.query<{ ended: boolean }>(
    `select ${schema}.end_rebuild(id) as ended from ${schema}.rebuild where group_name = $1`,
    [group],
  )
  return row?.ended ?? false
}

async function checkGroup(sql: Sql, schema: string, group: string): Promise<void> {
  const rows = await sql.query<{ group_name: string }>(
    `select distinct group_name from ${schema}.group_offset where position('~' in group_name) = 0 order by group_name`,
  )
  if (rows.some(({ group_name }) => group_name === group)) return
  const known = rows.map(({ group_name }) => `"${group_name}"`).join(', ') || 'none'
  throw new RebuildRefused(`There is no group "${group}" in the schema "${schema}". There are: ${known}.`)
}

async function checkBeginning(sql: Sql, schema: string, group: string): Promise<void> {
  const { epoch, partitions } = await readTopic(sql, schema)
  for (let partition = 0; partition < partitions; partition++) {
    const first = await firstEpochWithEvents(sql, { schema, epoch, partition })
    if (first === undefined) continue
    if ((await firstKept(sql, { schema, epoch: first, partition, after: 0 })) === 1) continue
    throw new RebuildRefused(
      `"${group}" can't be rebuilt from its first event: the outbox no longer has it in partition ${partition}. ` +
        'A rebuild with fromKept begins with the first event that the broker or the outbox still has; what earlier ones did is missing then.',
    )
  }
}

async function firstEpochWithEvents(
  sql: Sql,
  { schema, epoch: last, partition }: { schema: string; epoch: number; partition: number },
): Promise<number | undefined> {
  for (let epoch = 1; epoch <= last; epoch++) {
    if ((await readEpochEnd(sql, { schema, epoch, partition })) > 0) return epoch
  }
  return undefined
}
