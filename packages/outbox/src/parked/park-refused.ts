import { errorText, type Sql } from '@commitcast/worker'

export interface RefusedAt {
  readonly sql: Sql
  readonly schema: string
  readonly epoch: number
  readonly partition: number
  /** The relay's lease of the partition. One of an older term parks nothing. */
  readonly term: bigint
}

/**
 * `parked`: noted and parked, durably. `noted before`: its offset is a placeholder's already, nothing was changed.
 * `lease lost`: another relay has the partition, nothing was changed.
 */
export type ParkOutcome = 'parked' | 'noted before' | 'lease lost'

/**
 * Gives up on an event that the broker refuses: notes its offset, so that every reading of the page log has a placeholder
 * there from now on, and parks a copy of the event for an operator. Both or neither, in one commit that waits for the disk.
 */
export async function parkRefused(
  at: RefusedAt,
  { offset, message }: { readonly offset: number; readonly message: string },
): Promise<ParkOutcome> {
  const [row] = await at.sql.query<{ outcome: ParkOutcome }>(
    `select ${at.schema}.park_refused($1, $2, $3, $4, $5) as outcome`,
    [at.epoch, at.partition, offset, at.term.toString(), errorText(message)],
  )
  return row!.outcome
}

/**
 * Takes a note back: the broker has the event after all, stored by an earlier owner of the partition whom it did not
 * refuse. Where an operator has not handled the copy yet, it goes, too.
 */
export async function unparkStored(at: Omit<RefusedAt, 'term'>, offsets: readonly number[]): Promise<void> {
  await at.sql.query(
    `with noted as (
       delete from ${at.schema}.refused where epoch = $1 and partition = $2 and "offset" = any($3::bigint[]))
     delete from ${at.schema}.parked where group_name = 'relay' and epoch = $1 and partition = $2 and "offset" = any($3::bigint[])`,
    [at.epoch, at.partition, offsets],
  )
}
