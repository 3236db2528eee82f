import { type BackoffOptions, createBackoff } from './backoff.ts'

export interface UntilItWorksOptions extends BackoffOptions {
  readonly signal: AbortSignal
  /** Called at each failure; what it throws ends the waiting. */
  readonly onError: (error: unknown) => void
}

/** Repeats `act` with backed-off waits until it succeeds; `undefined` when the signal aborted first. */
export async function untilItWorks<T>(
  act: () => Promise<T>,
  { signal, onError, ...options }: UntilItWorksOptions,
): Promise<T | undefined> {
  const backoff = createBackoff(options)
  while (!signal.aborted) {
    try {
      return await act()
    } catch (error) {
      onError(error)
      await backoff.wait(signal)
    }
  }
  return undefined
}
