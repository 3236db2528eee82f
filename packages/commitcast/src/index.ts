export {
  type BreaksOldEvents,
  defineEvents,
  type EventOf,
  type LiveEventOf,
  NewerVersion,
  UpcastFailed,
} from '@commitcast/events'
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
