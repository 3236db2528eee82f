import { CommitcastError } from '@commitcast/events'
import { sqlOf } from '@commitcast/outbox'
import { flushWal, timelineOf } from '@commitcast/worker'
import type { Kysely, Transaction } from 'kysely'
import { createSharedRuns } from '../hub/shared-runs.ts'

/** The state as one snapshot of the database shows it, and that snapshot. */
interface StateReading<TState> {
  readonly state: TState
  /** `pg_current_snapshot()` as text. */
  readonly snapshot: string
  /** The database's timeline; `undefined` where the server does not show it. */
  readonly timeline?: number | undefined
  /** The topic's epoch, as the same snapshot shows it. */
  readonly epoch: number
}

export interface StateReader<TDatabase> {
  /** Reads state in one READ ONLY, REPEATABLE READ transaction; what it shows is on disk before this resolves. */
  read<TState>(load: (trx: Transaction<TDatabase>) => Promise<TState>): Promise<StateReading<TState>>
}

/** Thrown on a hot standby: its snapshots lack running transactions, so an event would be lost. */
export class StandbyRefused extends CommitcastError {
  override readonly name = 'StandbyRefused'
  readonly code = 'STANDBY_REFUSED'
}

export function createStateReader<TDatabase>(db: Kysely<TDatabase>, schema: string): StateReader<TDatabase> {
  // After a crash, ids of transactions that were seen but not flushed are used again, and such an event would count as shown
  // by the state. One commit that waits for the disk is enough for all who read before it.
  const flush = createSharedRuns(() => flushWal(sqlOf(db)))
  return {
    async read(load) {
      const reading = await db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute(async (trx) => {
          const [row] = await sqlOf(trx).query<{ snapshot: string; standby: boolean; server: string; epoch: number }>(
            `select pg_current_snapshot()::text as snapshot, pg_is_in_recovery() as standby,
               ${schema}.server_identity() as server, epoch
             from ${schema}.topic`,
          )
          if (row!.standby) {
            throw new StandbyRefused(
              'State for a live query has to be read on the primary: this database is a hot standby.',
            )
          }
          const { snapshot, server, epoch } = row!
          return { snapshot, timeline: timelineOf(server), epoch, state: await load(trx) }
        })
      await flush()
      return reading
    },
  }
}
