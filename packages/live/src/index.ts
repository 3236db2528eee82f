export { commands } from './commands.ts'
export { CursorNotCarried } from './cursors/call-cursor.ts'
export { cursors } from './cursors/cursors.ts'
export { type EventsEndpointOptions, eventsEndpoint } from './events-endpoint.ts'
export { MustResync } from './follower.ts'
export { type AccessLoss, AccessLost } from './guards/access-lost.ts'
export type { Allowed, Authorize, AuthorizeOptions } from './guards/authorize.ts'
export { type Closing, closings } from './guards/closings.ts'
export type { Drained, DrainOptions } from './guards/drain-sockets.ts'
export type { Limits, UserOf } from './guards/limits.ts'
export { type LiveStreams, type LiveStreamsOptions, liveStreams, type StreamsDrained } from './guards/live-streams.ts'
export { MovingAway } from './guards/moving-away.ts'
export { hasTokenInUrl } from './guards/token-in-url.ts'
export { createLiveHints, type LiveHints, type LiveHintsOptions } from './hints/live-hints.ts'
export { type Hub, type HubOptions, startHub } from './hub.ts'
export { type HubLimits, hubLimitsWithDefaults } from './hub-limits.ts'
export { InvalidSubscription } from './invalid-subscription.ts'
export { type LiveSockets, type LiveSocketsOptions, liveSockets } from './sockets/live-sockets.ts'
export { createStateReader, StandbyRefused } from './state.ts'
export {
  createSubscriptions,
  type EventOfTypes,
  type LiveResolver,
  type ResolverOptions,
  type StateOf,
  type SubscriptionOptions,
  type Subscriptions,
  type TrackedStream,
} from './subscriptions.ts'
