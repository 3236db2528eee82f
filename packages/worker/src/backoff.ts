import { sleep } from './sleep.ts'

export interface BackoffOptions {
  /** The first wait is at most this long. Default 50. */
  readonly firstMs?: number
  /** No wait is longer. Default 5,000. */
  readonly maxMs?: number
}

/** Waits that grow, each with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"). */
export interface Backoff {
  wait(signal?: AbortSignal): Promise<void>
  /** After a success: the next wait is a first one again. */
  reset(): void
}

export function createBackoff({ firstMs = 50, maxMs = 5_000 }: BackoffOptions = {}): Backoff {
  let attempt = 0
  return {
    wait(signal) {
      const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt++, 20))
      return sleep(Math.random() * ceiling, signal)
    },
    reset() {
      attempt = 0
    },
  }
}
