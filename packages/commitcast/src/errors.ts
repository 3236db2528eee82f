export { EvolveFailed, StreamUnreadable, VersionConflict } from '@commitcast/aggregates'
export {
  AppendConflict,
  BrokerUnavailable,
  Diverged,
  HintTooLarge,
  InvalidAddress,
  MessageRefused,
  OffsetGone,
  TopicMismatch,
} from '@commitcast/broker'
export {
  CommitcastError,
  InvalidChannel,
  InvalidEvent,
  InvalidHint,
  InvalidValue,
  NewerVersion,
  UnreadableEvent,
  UpcastFailed,
} from '@commitcast/events'
export {
  AccessLost,
  CursorNotCarried,
  InvalidSubscription,
  MovingAway,
  MustResync,
  StandbyRefused,
} from '@commitcast/live'
export {
  EpochEnded,
  EventsGone,
  InvalidCommand,
  InvalidSchedule,
  KeyReused,
  KeyUnavailable,
  MigrateRefused,
  NewEpochRefused,
  NotInTransaction,
  OtherApp,
  SchemaOutdated,
  SubjectErased,
} from '@commitcast/outbox'
export {
  ForgetRefused,
  GroupTypeUnknown,
  InvalidTransition,
  LeaseLost,
  LiveMessageFailed,
  NoInstance,
  NotReached,
  OffsetMoved,
  RebuildRefused,
  ResetRefused,
  TooManyParked,
} from '@commitcast/stream'
export { CastMisused, type Misuse } from './cast-misused.ts'
export { InvalidConfig } from './process/invalid-config.ts'
