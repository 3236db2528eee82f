import type { Topic } from '@commitcast/broker'
import type { Logger, Sql } from '@commitcast/worker'

/** One partition, in the outbox and on the broker. */
export interface LogOf {
  readonly sql: Sql
  readonly schema: string
  readonly topic: Topic
  readonly partition: number
  readonly signal: AbortSignal
}

export interface PartitionOf extends LogOf {
  /** That of this relay's lease. */
  readonly term: bigint
  /** The database's server, as it was before anything was asked of the broker. */
  readonly server: string
  readonly logger: Logger
}
