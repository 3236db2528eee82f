import { InvalidConfig } from './config.ts'
import type { Logger } from './logger.ts'

export interface ProcessOptions {
  readonly logger: Logger
  /** How long a drain may take after SIGTERM or Ctrl-C before the process quits anyway. Default 5,000. */
  readonly drainMs?: number
}

/**
 * Runs `main` as this process: SIGTERM and SIGINT abort its signal, so that it drains; a second one, or `drainMs`, quits.
 * A process that was forked drains, too, when the one that forked it is gone.
 * Exit codes: 0 after an orderly end, 2 for a wrong configuration, 1 for anything else. Owns the process's signals.
 */
export async function runProcess(
  main: (signal: AbortSignal) => Promise<void>,
  { logger, drainMs = 5_000 }: ProcessOptions,
): Promise<never> {
  const stopping = new AbortController()
  const stop = (name: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(1)
    logger.info({ signal: name }, 'stopping')
    stopping.abort()
    setTimeout(() => {
      logger.error({ drainMs }, 'did not drain in time, quitting')
      process.exit(1)
    }, drainMs).unref()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  if (process.connected) process.on('disconnect', () => stop('SIGHUP'))
  try {
    await main(stopping.signal)
    process.exit(0)
  } catch (error) {
    if (error instanceof InvalidConfig) {
      process.stderr.write(`${error.message}\n`)
      process.exit(2)
    }
    logger.fatal({ err: error }, 'stopped by an error')
    process.exit(1)
  }
}
