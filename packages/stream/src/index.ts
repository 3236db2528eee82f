export { type ChangeKind, changeOf } from './changes/change-of.ts'
export { type Change, type TrackedRows, trackChanges } from './changes/track-changes.ts'
export { LiveMessageFailed } from './enrichment/enrich-batch.ts'
export type { CacheOptions, Enricher, Enrichment, IdOf, MetadataOf, PersonalOf } from './enrichment/enrichment.ts'
export type { FailureCounts } from './enrichment/failures.ts'
export { type EnrichmentOptions, runEnrichment } from './enrichment/run-enrichment.ts'
export type { FailurePolicy, GroupOptions, GroupPlace } from './groups/group.ts'
export { LeaseLost, OffsetMoved } from './groups/group-offset.ts'
export {
  ForgetRefused,
  forgetType,
  type GroupRelease,
  type RegisteredRelease,
  registerReleases,
} from './groups/group-releases.ts'
export { TooManyParked } from './groups/parked-queue.ts'
export { awaitReached, NotReached, type ReachedOptions } from './groups/reached.ts'
export { type GroupStatus, readGroups } from './groups/read-groups.ts'
export type { Unreached } from './groups/read-reached.ts'
export {
  type GroupPlaceAt,
  type GroupTarget,
  type ResetGroupOptions,
  ResetRefused,
  resetGroup,
} from './groups/reset-group.ts'
export type { GroupWorker, RunGroupContext } from './groups/run-group.ts'
export { GroupTypeUnknown } from './groups/type-guard.ts'
export { createHandler } from './handlers/create-handler.ts'
export type { Handle, HandlerOptions, Handles, Try } from './handlers/handler.ts'
export { createProcess } from './processes/create-process.ts'
export { InvalidTransition } from './processes/invalid-transition.ts'
export { NoInstance } from './processes/no-instance.ts'
export {
  type FiredTimeout,
  type ProcessDefinition,
  type ProcessOptions,
  type ProcessStart,
  type ProcessState,
  type ProcessStep,
  type StateType,
  stateType,
  type TimeoutAt,
  type Transition,
  type Transitions,
  type WithoutInstance,
} from './processes/process.ts'
export {
  type ListInstancesOptions,
  listInstances,
  type ProcessHistoryEntry,
  type ProcessInstance,
  type ProcessInstanceInFull,
  readParkedOf,
  showInstance,
} from './processes/read-instances.ts'
export { createProjection } from './projections/create-projection.ts'
export type { Project, ProjectionOptions } from './projections/projection.ts'
export { isRebuilding } from './projections/rebuild/in-shadow.ts'
export { listRebuilds, type Rebuild } from './projections/rebuild/list-rebuilds.ts'
export { RebuildRefused } from './projections/rebuild/rebuild-refused.ts'
export { cancelRebuild, type StartRebuildOptions, startRebuild } from './projections/rebuild/start-rebuild.ts'
