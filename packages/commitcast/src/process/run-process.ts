import type { Logger } from 'pino'
import { createLogger } from './create-logger.ts'
import { type ProcessContext, type ProcessOptions, runUntilStopped } from './run-until-stopped.ts'

/**
 * Runs `main` as this process, called `name` in its log: SIGTERM and SIGINT abort its signal, so that it drains; a second
 * one, or `drainMs`, quits. A process that was forked drains, too, when the one that forked it is gone.
 * Exit codes: 0 after an orderly end, 2 for a wrong configuration, 1 for anything else. Owns the process's signals.
 */
export function runProcess(
  name: string,
  main: (context: ProcessContext<Logger>) => Promise<void>,
  options: ProcessOptions = {},
): Promise<never> {
  return runUntilStopped(() => createLogger(name), main, options)
}
