import { isOutage, type OutageLog, untilItWorks } from '@commitcast/worker'

/** What waits for trouble to pass, and where that is logged. */
export interface OutageWait {
  readonly signal: AbortSignal
  /** Of all subscriptions: an outage meets thousands of them at once. */
  readonly outages: OutageLog
}

/** Repeats `act` while trouble passes; what the client has to know of is thrown. `undefined` when the signal aborted first. */
export async function despiteOutages<T>(
  act: () => Promise<T>,
  { signal, outages }: OutageWait,
): Promise<T | undefined> {
  const waiting = {}
  let hasWorked = false
  try {
    const result = await untilItWorks(act, {
      signal,
      onError(error) {
        if (signal.aborted) return
        if (!isOutage(error)) throw error
        outages.failed(error, waiting)
      },
    })
    hasWorked = !signal.aborted
    return result
  } finally {
    if (hasWorked) outages.ended(waiting)
    else outages.forget(waiting)
  }
}
