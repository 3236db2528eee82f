/**
 * For processes of an application: configuration, log, health, signals. Needs the packages `pino` and `zod`.
 * @module
 */
export {
  aborted,
  createOutageLog,
  type Health,
  type Logger,
  type OutageLog,
  sleep,
  untilItWorks,
  withTimeout,
} from '@commitcast/worker'
export { createLogger } from './process/create-logger.ts'
export { answerHealth, type HealthReport, type HealthServer, startHealthServer } from './process/health-server.ts'
export { InvalidConfig } from './process/invalid-config.ts'
export { readConfig, variable } from './process/read-config.ts'
export { runProcess } from './process/run-process.ts'
export type { ProcessContext, ProcessOptions } from './process/run-until-stopped.ts'
