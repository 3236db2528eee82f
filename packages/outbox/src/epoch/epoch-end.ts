import type { Sql } from '@commitcast/worker'
import { readTopic } from '../read-topic.ts'

/** The topic has gone on to another epoch: what was opened for the one before has to be opened anew. */
export class EpochEnded extends Error {
  override readonly name = 'EpochEnded'
  readonly code = 'EPOCH_ENDED'

  constructor(epoch: number) {
    super(`Epoch ${epoch} of the topic has ended.`)
  }
}

/** Throws `EpochEnded` where the topic has gone on to another epoch. */
export async function checkEpoch(sql: Sql, { schema, epoch }: { schema: string; epoch: number }): Promise<void> {
  if ((await readTopic(sql, schema)).epoch !== epoch) throw new EpochEnded(epoch)
}

/** The last offset that was given in an epoch, 0 where there was none. For one that has ended it is final. */
export async function readEpochEnd(
  sql: Sql,
  { schema, epoch, partition }: { schema: string; epoch: number; partition: number },
): Promise<number> {
  const [row] = await sql.query<{ last: string }>(
    `select first_offset + count - 1 as last from ${schema}.page where epoch = $1 and partition = $2
     order by first_offset desc limit 1`,
    [epoch, partition],
  )
  return Number(row?.last ?? 0)
}
