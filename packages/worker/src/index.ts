export { aborted } from './aborted.ts'
export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts'
export { type Bell, createBell } from './bell.ts'
export { InvalidConfig, readConfig, variable } from './config.ts'
export { errorText } from './error-text.ts'
export { flushWal } from './flush-wal.ts'
export { answerHealth, type Health, type HealthReport, type HealthServer, startHealthServer } from './health-server.ts'
export { isOutage, isTimeLimit } from './is-outage.ts'
export { createLeases, type Lease, type LeaseOptions, type Leases, leasesReleased } from './leases.ts'
export { createLogger, type Logger, silentLogger } from './logger.ts'
export { type ProcessContext, type ProcessOptions, runProcess } from './process.ts'
export {
  type PartitionReport,
  type Partitions,
  type PartitionsOptions,
  runPartitions,
  type Trouble,
} from './run-partitions.ts'
export { sleep } from './sleep.ts'
export type { Sql } from './sql.ts'
export { timelineOf } from './timeline-of.ts'
export { type UntilItWorksOptions, untilItWorks } from './until-it-works.ts'
