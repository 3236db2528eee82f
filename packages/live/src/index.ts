export { type Hub, type HubOptions, startHub } from './hub.ts'
export { createStateReader, StandbyRefused } from './state.ts'
export {
  createSubscriptions,
  type FollowOptions,
  type QueryOptions,
  type ResolverOptions,
  type Subscriptions,
  type TrackedStream,
} from './subscriptions.ts'
