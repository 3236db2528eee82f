/**
 * What an operator's own scripts do; the command line does the same. `sqlOf(db)` makes the first argument of a Kysely instance.
 * @module
 */
export {
  dropParked,
  type HandleParkedOptions,
  type KyselyLike,
  type ListParkedOptions,
  listParked,
  type Migrated,
  type MigrateOptions,
  migrate,
  migrationSql,
  type NewEpoch,
  type NewEpochOptions,
  newEpoch,
  type ParkedEvent,
  type ParkedEventInFull,
  type PgClientLike,
  type Refilled,
  type RefillOptions,
  type Retired,
  type RetireOptions,
  refillPartition,
  retireEvents,
  retryParked,
  type SkippedEvent,
  showParked,
  skipEvent,
  sqlIn,
  sqlOf,
} from '@commitcast/outbox'
export {
  cancelRebuild,
  forgetType,
  type GroupPlaceAt,
  type GroupStatus,
  type GroupTarget,
  listRebuilds,
  type Rebuild,
  type ResetGroupOptions,
  readGroups,
  resetGroup,
  type StartRebuildOptions,
  startRebuild,
} from '@commitcast/stream'
export type { Sql } from '@commitcast/worker'
