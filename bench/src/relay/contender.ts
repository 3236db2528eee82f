import type { Ready } from '../carry-timed.ts'

/** Where a contender works, and on how much. */
export interface Place {
  /** A database of its own, empty but for what earlier calls left there. */
  readonly databaseUrl: string
  readonly natsUrl: string
  /** Begins the names of its streams. */
  readonly name: string
  /** How many committed events it finds, and carries. */
  readonly events: number
  /** How many events each transaction commits: 1, but for history that is not measured. */
  readonly perTransaction: number
  readonly broker: 'nats' | 'postgres'
  /** Whether somebody's REPEATABLE READ transaction with an id of its own sits idle in the database meanwhile. */
  readonly hasIdleTransaction: boolean
}

/** Somebody who carries committed events from Postgres to a broker. */
export interface Contender {
  /** Commits the backlog as its own documentation has events written, then puts the database to rest. */
  seed(place: Place): Promise<void>
  /**
   * Connects, makes streams, starts, as a worker that has run for a while: all but looking at the backlog. So nobody's
   * connecting counts as carrying, and nobody reads ahead before the clock starts.
   */
  prepare(place: Place): Promise<Ready>
}
