export { HintTooLarge, InvalidAddress } from '@commitcast/broker'
export {
  type BreaksOldEvents,
  defineEvents,
  defineHints,
  type EventOf,
  type Hint,
  type HintCatalog,
  type HintOf,
  InvalidHint,
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
  CursorNotCarried,
  closings,
  commands,
  cursors,
  type Drained,
  type DrainOptions,
  type EventsEndpointOptions,
  eventsEndpoint,
  hasTokenInUrl,
  type Limits,
  type LiveSockets,
  type LiveSocketsOptions,
  type LiveStreams,
  type LiveStreamsOptions,
  liveSockets,
  liveStreams,
  type StreamsDrained,
} from '@commitcast/live'
export {
  type Command,
  causationOf,
  InvalidCommand,
  KeyReused,
  type Once,
  OtherApp,
  readCommandHeaders,
} from '@commitcast/outbox'
export { type Change, type ChangeKind, changeOf, type TrackedRows, trackChanges } from '@commitcast/stream'
export { CastMisused, type Misuse } from './cast-misused.ts'
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
