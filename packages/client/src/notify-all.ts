import { logFailure } from './log-failure.ts'

/** Calls all listeners; one that throws keeps nothing from the others. */
export function notifyAll(listeners: Iterable<() => void>): void {
  for (const listener of listeners) {
    try {
      listener()
    } catch (error) {
      logFailure(error)
    }
  }
}
