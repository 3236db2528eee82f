import { isOutage, type Logger, untilItWorks } from '@commitcast/worker'

/** Repeats `act` while trouble passes; what the client has to know of is thrown. `undefined` when the signal aborted first. */
export function patiently<T>(
  act: () => Promise<T>,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<T | undefined> {
  return untilItWorks(act, {
    signal,
    onError(error) {
      if (signal.aborted) return
      if (!isOutage(error)) throw error
      logger.error({ err: error }, 'a subscription waits and tries again')
    },
  })
}
