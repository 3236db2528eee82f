/**
 * What a server of an application uses. It begins with `createCommitcast`.
 * @module
 */
export type {
  Aggregate,
  AggregateDefinition,
  AggregateEvent,
  AggregateOptions,
  Appended,
  AppendToOptions,
  CommandOf,
  Decided,
  Executed,
  ExecuteOptions,
  Loaded,
  LoadOptions,
  NewAggregateEvent,
  SnapshotOptions,
} from '@commitcast/aggregates'
export type { Broker, Message, Topic, TopicOptions } from '@commitcast/broker'
// Types that an application's own declarations mention.
export type {
  CommandIds,
  CommandInput,
  CommittedEvent,
  Envelope,
  EnvelopeOf,
  EventCatalog,
  EventDataOf,
  EventDefinition,
  EventDefinitions,
  EventHeaders,
  EventInputOf,
  EventPlace,
  EventTypeOf,
  HintDefinitions,
  HintInputOf,
  LiveEvent,
  LiveInput,
  ResyncReason,
  StandardSchemaV1,
  Unreadable,
  Upcast,
} from '@commitcast/events'
export {
  type BreaksOldEvents,
  type ChannelDefinitions,
  type ChannelId,
  type Channels,
  defineChannels,
  defineEvents,
  defineHints,
  type Erased,
  type EventOf,
  type Hint,
  type HintCatalog,
  type HintOf,
  isErased,
  type LiveEventOf,
} from '@commitcast/events'
export type { HubLimits, ResolverOptions, StateOf, Subscriptions } from '@commitcast/live'
export {
  type AccessLoss,
  type Allowed,
  type Authorize,
  type AuthorizeOptions,
  type Closing,
  closings,
  commands,
  cursors,
  type Drained,
  type DrainOptions,
  type EventOfTypes,
  type EventsEndpointOptions,
  eventsEndpoint,
  hasTokenInUrl,
  type Limits,
  type LiveResolver,
  type LiveSockets,
  type LiveSocketsOptions,
  type LiveStreams,
  type LiveStreamsOptions,
  liveSockets,
  liveStreams,
  type StreamsDrained,
  type SubscriptionOptions,
  type TrackedStream,
} from '@commitcast/live'
export type {
  Append,
  AppendSql,
  AppendStatement,
  KeyProvider,
  KyselyLike,
  Migrated,
  MigrateOptions,
  NewEvent,
  NewEventOf,
  PgClientLike,
  Schedule,
  ScheduledEventOf,
  TransactionLike,
  Unschedule,
} from '@commitcast/outbox'
export {
  type Command,
  causationOf,
  type Once,
  postgresKeys,
  readCommandHeaders,
} from '@commitcast/outbox'
export type {
  CacheOptions,
  Enricher,
  Enrichment,
  FailurePolicy,
  FiredTimeout,
  GroupWorker,
  Handle,
  HandlerOptions,
  IdOf,
  MetadataOf,
  PersonalOf,
  ProcessDefinition,
  ProcessOptions,
  ProcessStart,
  ProcessState,
  ProcessStep,
  Project,
  ProjectionOptions,
  ReachedOptions,
  StateType,
  TimeoutAt,
  Transition,
  Transitions,
  Try,
  Unreached,
  WithoutInstance,
} from '@commitcast/stream'
export { type Change, type ChangeKind, changeOf, stateType, type TrackedRows, trackChanges } from '@commitcast/stream'
export type { Logger } from '@commitcast/worker'
export type {
  Commitcast,
  CommitcastOptions,
  GivenConnection,
  Live,
  LiveOptions,
  NoHints,
  OwnConnection,
  WithMetadata,
} from './commitcast.ts'
export { createCommitcast } from './create-commitcast.ts'
export type { DefineProcess, ProcessGroup, ProcessWithoutTransitions } from './define-process.ts'
export type { Erase, EraseOptions } from './erase.ts'
export * from './errors.ts'
export type { CastHealth, GroupHealth, PartHealth } from './health.ts'
export type { GroupDefinition, LiveDefinition, Role, RunOptions } from './run-options.ts'
