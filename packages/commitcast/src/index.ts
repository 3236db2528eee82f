export type { Broker, Message, Topic, TopicOptions } from '@commitcast/broker'
export {
  type BreaksOldEvents,
  defineEvents,
  defineHints,
  type EventOf,
  type Hint,
  type HintCatalog,
  type HintOf,
  type LiveEventOf,
} from '@commitcast/events'
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
  InvalidSubscription,
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
export {
  type Command,
  causationOf,
  type Once,
  readCommandHeaders,
} from '@commitcast/outbox'
export type { ReachedOptions, Unreached } from '@commitcast/stream'
export { type Change, type ChangeKind, changeOf, type TrackedRows, trackChanges } from '@commitcast/stream'
export type { Logger } from '@commitcast/worker'
export type {
  Commitcast,
  CommitcastOptions,
  GroupDefinition,
  Live,
  LiveDefinition,
  LiveOptions,
  NoHints,
  Role,
} from './commitcast.ts'
export { createCommitcast } from './create-commitcast.ts'
export * from './errors.ts'
export type { CastHealth, GroupHealth, PartHealth } from './health.ts'
