export type {
  Aggregate,
  AggregateDefinition,
  AggregateEvent,
  AggregateOptions,
  Appended,
  AppendToOptions,
  CommandOf,
  Decided,
  Executed,
  ExecuteOptions,
  Loaded,
  LoadOptions,
  NewAggregateEvent,
  SnapshotOptions,
} from './aggregate.ts'
export { type AggregatePorts, createAggregate, type OpenAggregate } from './create-aggregate.ts'
export { decideEvents } from './decide-events.ts'
export { EvolveFailed } from './evolve-failed.ts'
export { foldEvents } from './fold-events.ts'
export { StreamUnreadable } from './stream-unreadable.ts'
export { VersionConflict } from './version-conflict.ts'
