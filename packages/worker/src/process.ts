import { InvalidConfig } from './config.ts'
import { createLogger, type Logger } from './logger.ts'

export interface ProcessOptions {
  /** How long a drain may take after SIGTERM or Ctrl-C before the process quits anyway. Default 5,000. */
  readonly drainMs?: number
}

/** What a process's main function gets. */
export interface ProcessContext {
  /** Aborts when the process has been asked to stop. */
  readonly signal: AbortSignal
  readonly logger: Logger
}

/**
 * Runs `main` as this process, called `name` in its log: SIGTERM and SIGINT abort its signal, so that it drains; a second
 * one, or `drainMs`, quits. A process that was forked drains, too, when the one that forked it is gone.
 * Exit codes: 0 after an orderly end, 2 for a wrong configuration, 1 for anything else. Owns the process's signals.
 */
export async function runProcess(
  name: string,
  main: (context: ProcessContext) => Promise<void>,
  { drainMs = 5_000 }: ProcessOptions = {},
): Promise<never> {
  const logger = orQuit(() => createLogger(name))
  const stopping = new AbortController()
  const stop = (why: string) => {
    if (stopping.signal.aborted) process.exit(1)
    logger.info({ why }, 'stopping')
    stopping.abort()
    setTimeout(() => {
      logger.error({ drainMs }, 'did not drain in time, quitting')
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
    logger.fatal({ err: error }, 'stopped by an error')
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
