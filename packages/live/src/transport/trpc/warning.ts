import type { Logger } from '@commitcast/worker'

/** Makes what says some words once in each log, however often it is called. */
export function createWarning(words: string): (logger: Logger) => void {
  const told = new WeakSet<Logger>()
  return (logger) => {
    if (told.has(logger)) return
    told.add(logger)
    logger.warn({}, words)
  }
}
