export {
  type BreaksOldEvents,
  defineEvents,
  type EventOf,
  type LiveEventOf,
  NewerVersion,
  UpcastFailed,
} from '@commitcast/events'
export {
  type AccessLoss,
  AccessLost,
  type Allowed,
  type AuthorizeOptions,
  type Closing,
  closings,
  commands,
  type Drained,
  type DrainOptions,
  type EventsEndpointOptions,
  eventsEndpoint,
  hasTokenInUrl,
  type Limits,
  type LiveSockets,
  type LiveSocketsOptions,
  liveSockets,
} from '@commitcast/live'
export {
  type Command,
  causationOf,
  InvalidCommand,
  KeyReused,
  type Once,
  readCommandHeaders,
} from '@commitcast/outbox'
export { type Change, type ChangeKind, changeOf, type TrackedRows, trackChanges } from '@commitcast/stream'
export {
  type Commitcast,
  type CommitcastOptions,
  createCommitcast,
  type GroupDefinition,
  type Live,
  type LiveDefinition,
  type LiveOptions,
  type Role,
} from './create-commitcast.ts'
