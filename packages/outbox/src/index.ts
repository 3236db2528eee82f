export { type Command, causationOf } from './answers/command.ts'
export { deleteOldAnswers, type OldAnswersOptions } from './answers/delete-old-answers.ts'
export { InvalidCommand } from './answers/invalid-command.ts'
export { KeyReused } from './answers/key-reused.ts'
export { createOnce, type Once } from './answers/once.ts'
export { type HeadersLike, readCommand, readCommandHeaders, withoutCommand } from './answers/read-command.ts'
export { type Append, checkTransaction, createAppend } from './append.ts'
export {
  type AppendSql,
  type AppendStatement,
  appendAll,
  createAppendSql,
  createCheckEvents,
  createToClearRows,
  createToRows,
  type NewEvent,
  type NewEventOf,
  type ToRows,
  type ToRowsOptions,
  toJsonArray,
} from './append-sql.ts'
export { bindApp, checkApp, OtherApp } from './bind-app.ts'
export type { EventRow } from './check-row.ts'
export { checkSchema, SchemaOutdated } from './check-schema.ts'
export { checkCluster, whyOtherCluster } from './epoch/check-cluster.ts'
export { EpochEnded, readEpochEnd } from './epoch/epoch-end.ts'
export { type NewEpoch, type NewEpochOptions, NewEpochRefused, newEpoch } from './epoch/new-epoch.ts'
export { type Refilled, type RefillOptions, refillPartition } from './epoch/refill-partition.ts'
export { checkSubject } from './erasure/check-subject.ts'
export {
  createKeyReader,
  decryptEvent,
  isPersonal,
  type KeyReader,
  noKeys,
  subjectsOf,
} from './erasure/decrypt-event.ts'
export { encryptMetadata } from './erasure/encrypt-fields.ts'
export { type Erasures, eraseSubject, readErasures } from './erasure/erase-subject.ts'
export { KeyUnavailable, SubjectErased } from './erasure/errors.ts'
export { type KeyProvider, postgresKeys } from './erasure/key-provider.ts'
export { createSubjectKeys, type Keys, type SubjectKeys } from './erasure/subject-keys.ts'
export { leaseLostState, offsetMovedState, startedAnewState } from './functions/sql-states.ts'
export { isName } from './is-name.ts'
export { isoTime } from './iso-time.ts'
export { type Migrated, type MigrateOptions, MigrateRefused, migrate, migrationSql } from './migrate.ts'
export { newEventId } from './new-event-id.ts'
export { NotInTransaction } from './not-in-transaction.ts'
export { assignOffsets } from './pages/assign-offsets.ts'
export { firstKept, lastGone } from './pages/first-kept.ts'
export type { Page } from './pages/page.ts'
export { lastAssigned, readLastAssigned } from './pages/read-last-assigned.ts'
export { readOffsetsBefore } from './pages/read-offsets-before.ts'
export { EventsGone, type PagesAfter, readNext, readPages } from './pages/read-pages.ts'
export { readShown, type Shown } from './pages/read-shown.ts'
export { dropParked, type HandleParkedOptions, retryParked } from './parked/handle-parked.ts'
export { type ListParkedOptions, listParked, type ParkedEvent } from './parked/list-parked.ts'
export { noteParked, type ParkedAction } from './parked/parked-history.ts'
export { type ParkedEventInFull, showParked } from './parked/show-parked.ts'
export { readTopic, type TopicShape } from './read-topic.ts'
export { type Relay, type RelayOptions, runRelay } from './relay/run-relay.ts'
export { type Retired, type RetireOptions, retireEvents } from './retention/retire-events.ts'
export { InvalidSchedule } from './schedule/invalid-schedule.ts'
export {
  cancelScheduled,
  type HandleScheduledOptions,
  type ListScheduledOptions,
  listScheduled,
  retryScheduled,
  type ScheduledEvent,
} from './schedule/list-scheduled.ts'
export {
  createSchedule,
  createUnschedule,
  type Schedule,
  type ScheduledEventOf,
  type Unschedule,
} from './schedule/schedule.ts'
export { checkSchemaName, defaultSchema } from './schema-name.ts'
export { isSkipped, readSkipped, type SkippedEvent, skipEvent } from './skip-event.ts'
export { type KyselyLike, type PgClientLike, sqlIn, sqlOf, type TransactionLike } from './sql-of.ts'
export { type PoolLike, surviveErrors } from './survive-errors.ts'
export { readVerified, type Verified } from './verified/read-verified.ts'
export { readServer } from './verified/record-verified.ts'
export { tokenOf, withoutToken } from './verified/token.ts'
