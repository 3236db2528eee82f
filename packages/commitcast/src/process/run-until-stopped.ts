import type { Logger } from '@commitcast/worker'
import { InvalidConfig } from './invalid-config.ts'

export interface ProcessOptions {
  /** How long a drain may take after SIGTERM or Ctrl-C, in milliseconds, before the process quits anyway. Default 5,000. */
  readonly drainMs?: number
}

/** What a process's main function receives. */
export interface ProcessContext<TLogger extends Logger = Logger> {
  /** Aborts when the process has been asked to stop. */
  readonly signal: AbortSignal
  readonly logger: TLogger
}

/** As `runProcess`, with a logger of any kind. */
export async function runUntilStopped<TLogger extends Logger>(
  makeLogger: () => TLogger,
  main: (context: ProcessContext<TLogger>) => Promise<void>,
  { drainMs = 5_000 }: ProcessOptions = {},
): Promise<never> {
  const logger = orQuit(makeLogger)
  const stopping = new AbortController()
  const stop = (why: string) => {
    if (stopping.signal.aborted) process.exit(1)
    logger.info({ why }, 'stopping')
    stopping.abort()
    setTimeout(() => {
      logger.error({ code: 'DRAIN_TIMED_OUT', drainMs }, 'did not drain in time; quitting')
      process.exit(1)
    }, drainMs).unref()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  if (process.connected) process.on('disconnect', () => stop('parent gone'))
  try {
    await main({ signal: stopping.signal, logger })
    process.exit(0)
  } catch (error) {
    if (error instanceof InvalidConfig) quit(error)
    logger.error({ code: 'PROCESS_FAILED', err: error }, 'stopped by an error')
    process.exit(1)
  }
}

function orQuit<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (error instanceof InvalidConfig) quit(error)
    throw error
  }
}

function quit(error: InvalidConfig): never {
  process.stderr.write(`${error.message}\n`)
  process.exit(2)
}
