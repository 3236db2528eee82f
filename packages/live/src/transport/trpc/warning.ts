import type { Logger } from '@commitcast/worker'

/** Makes what says some words once in each log, however often it is called. */
export function createWarning(code: string, words: string): (logger: Logger) => void {
  const warned = new WeakSet<Logger>()
  return (logger) => {
    if (warned.has(logger)) return
    warned.add(logger)
    logger.warn({ code }, words)
  }
}
