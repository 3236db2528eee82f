import { CommitcastError } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { readLastAssigned } from '../pages/read-last-assigned.ts'
import { readTopic } from '../read-topic.ts'

/** The topic has gone on to another epoch: what was opened for the one before has to be opened anew. */
export class EpochEnded extends CommitcastError {
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

/**
 * The last offset of an epoch, 0 where there is none. For one that has ended it is final: what was assigned behind it was
 * assigned again in the next.
 */
export async function readEpochEnd(
  sql: Sql,
  { schema, epoch, partition }: { schema: string; epoch: number; partition: number },
): Promise<number> {
  return readLastAssigned(sql, schema, { epoch, partition })
}
