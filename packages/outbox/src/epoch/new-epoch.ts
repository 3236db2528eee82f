import { CommitcastError } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { boundaryNeededState } from '../functions/sql-states.ts'
import { whoHolds } from '../retention/who-holds.ts'
import { defaultSchema } from '../schema-name.ts'

export interface NewEpochOptions {
  readonly schema?: string
  /** The epoch to end. A second call with the same one makes nothing. */
  readonly from: number
  /**
   * Positions up to this one came with a restored dump. Known by itself after pg_restore, and where nothing was restored;
   * needed where a dump was restored without its materialized views.
   */
  readonly restoredUpTo?: number
}

export interface NewEpoch {
  /** The topic's epoch now. */
  readonly epoch: number
  /** Whether this call began it. */
  readonly isNew: boolean
  /** After a restore: how many events had no offset yet and were moved to the end of the outbox. */
  readonly moved: number
  /** The partitions of the old epoch that had diverged; left out where none had. */
  readonly cut?: readonly CutPartition[]
}

/** A partition whose old epoch ends before the last offset that was assigned in it. */
interface CutPartition {
  readonly partition: number
  /** The last offset of the old epoch. What the broker holds behind it is not of the epoch. */
  readonly offset: number
  /** How many events were assigned behind it, and have the offsets from 1 on in the new epoch. */
  readonly again: number
}

/** No epoch was begun and nothing has changed; the message says why, and what helps. */
export class NewEpochRefused extends CommitcastError {
  override readonly name = 'NewEpochRefused'
  readonly code = 'NEW_EPOCH_REFUSED'
}

/**
 * Ends the topic's epoch and begins the next, in one transaction that is on disk when this resolves: every event that has
 * no offset yet gets one in the new epoch, counted from 1. So does each whose offset is behind the point at which its
 * partition diverged on the broker: it was never published there. None of the others gets another (P2). After a restore it
 * distinguishes these by the old transaction ids, which mean nothing any more. Relays and stream workers follow by
 * themselves, clients get `resync`. Writers wait while it runs. Throws `NewEpochRefused` where a transaction holds it up
 * for five seconds, or where it needs `restoredUpTo`. After a lost reply call it again: it makes one epoch.
 */
export async function newEpoch(sql: Sql, options: NewEpochOptions): Promise<NewEpoch> {
  const { schema = defaultSchema, from, restoredUpTo } = options
  try {
    const [row] = await sql.query<{ epoch: number; isNew: boolean; moved: string }>(
      `select epoch, is_new as "isNew", moved from ${schema}.new_epoch($1, $2)`,
      [from, restoredUpTo ?? null],
    )
    const { epoch, isNew } = row!
    const cut = isNew ? await readCut(sql, schema, from) : []
    return { epoch, isNew, moved: Number(row!.moved), ...(cut.length > 0 && { cut }) }
  } catch (error) {
    const { code, message, hint } = error as { code?: unknown; message: string; hint?: string }
    if (code === boundaryNeededState) throw new NewEpochRefused(`${message} ${hint}`, { cause: error })
    if (code !== lockNotAvailable) throw error
    const holder = await whoHolds(sql, schema, { table: `${schema}.outbox` }, { readers: false })
    throw new NewEpochRefused(`Writers can't be locked out: held up by ${holder}. Nothing has changed; try again.`, {
      cause: error,
    })
  }
}

function readCut(sql: Sql, schema: string, epoch: number): Promise<readonly CutPartition[]> {
  return sql.query<CutPartition>(
    `select partition::int, "offset"::float8 as "offset", (assigned - "offset")::float8 as again
     from ${schema}.epoch_end cross join lateral (
       select max(first_offset + count - 1) as assigned from ${schema}.page
       where page.epoch = epoch_end.epoch and page.partition = epoch_end.partition
     ) as log where epoch = $1 and assigned > "offset" order by partition`,
    [epoch],
  )
}

const lockNotAvailable = '55P03'
