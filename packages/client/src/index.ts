export { type FollowHandlers, type FollowStatus, follow } from './follow.ts'
export type { EventOf, InputOf, LiveProcedure, StateOf } from './live-procedure.ts'
