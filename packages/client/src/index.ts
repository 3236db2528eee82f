/**
 * What browsers use, and Node processes that follow as a browser does.
 * @module
 */
export { type Channels, CommitcastError, defineChannels, type Erased, isErased } from '@commitcast/events'
export { causedBy, commandContext, commandLink } from './command-link.ts'
export { type FollowHandlers, type FollowStatus, follow } from './follow.ts'
export { FollowError, type FollowErrorCode } from './follow-error.ts'
export { fullJitter, liveConnection } from './live-connection.ts'
export type { EventOf, HintOf, InputOf, LiveProcedure, StateOf } from './live-procedure.ts'
export { createLiveStore, type LiveStore, type LiveView } from './live-store.ts'
export type { Optimistic, OptimisticOptions } from './optimism.ts'
export { type Connection, pageConnection } from './page-connection.ts'
export type { Reducers } from './reducers.ts'
