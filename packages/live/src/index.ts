export { createLiveHints, type LiveHints, type LiveHintsOptions } from './hints/live-hints.ts'
export { MustResync } from './hub/follower.ts'
export { type Hub, type HubOptions, startHub } from './hub/hub.ts'
export { type HubLimits, hubLimitsWithDefaults } from './hub/hub-limits.ts'
export { type AccessLoss, AccessLost } from './permission/access-lost.ts'
export type { Allowed, Authorize, AuthorizeOptions } from './permission/authorize.ts'
export { InvalidSubscription } from './subscription/invalid-subscription.ts'
export { createStateReader, StandbyRefused } from './subscription/state-reader.ts'
export type { DrainOptions } from './transport/drain-options.ts'
export type { LiveResolver, ResolverOptions, TrackedStream } from './transport/live-resolver.ts'
export { MovingAway } from './transport/moving-away.ts'
export { type EventsEndpointOptions, eventsEndpoint } from './transport/sse/events-endpoint.ts'
export {
  type LiveStreams,
  type LiveStreamsOptions,
  liveStreams,
  type StreamsDrained,
} from './transport/sse/live-streams.ts'
export { hasTokenInUrl } from './transport/token-in-url.ts'
export { CursorNotCarried } from './transport/trpc/call-cursor.ts'
export { commands } from './transport/trpc/commands.ts'
export {
  createSubscriptions,
  type EventOfTypes,
  type StateOf,
  type SubscriptionOptions,
  type Subscriptions,
} from './transport/trpc/create-subscriptions.ts'
export { cursors } from './transport/trpc/cursors.ts'
export { type LiveSockets, type LiveSocketsOptions, liveSockets } from './transport/trpc/live-sockets.ts'
export { type Closing, closings } from './transport/websocket/closings.ts'
export type { Drained } from './transport/websocket/drain-sockets.ts'
export type { Limits, UserOf } from './transport/websocket/limits.ts'
