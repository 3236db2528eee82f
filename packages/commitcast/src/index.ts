export { defineEvents, type EventOf, type LiveEventOf } from '@commitcast/events'
export {
  type Commitcast,
  type CommitcastOptions,
  createCommitcast,
  type Live,
  type LiveDefinition,
  type LiveOptions,
  type Role,
} from './create-commitcast.ts'
