import { sleep } from '@commitcast/worker'

/** Lets work through, or for a while none. */
export interface Gate {
  /** Runs `work` as soon as the gate is open. */
  pass<T>(work: () => Promise<T>): Promise<T>
  /** Closes the gate, gives what has passed a moment to end, runs `work`, and opens it again. */
  whileClosed<T>(
    work: () => Promise<T>,
    options: { readonly patienceMs: number; readonly signal: AbortSignal },
  ): Promise<T>
}

/** Makes an open gate. One `whileClosed` at a time. */
export function createGate(): Gate {
  const passing = new Set<Promise<unknown>>()
  let opened: Promise<void> | undefined
  return {
    async pass(work) {
      while (opened) await opened
      const running = work()
      passing.add(running)
      try {
        return await running
      } finally {
        passing.delete(running)
      }
    },
    async whileClosed(work, { patienceMs, signal }) {
      const { promise, resolve } = Promise.withResolvers<void>()
      opened = promise
      const waiting = new AbortController()
      try {
        await Promise.race([Promise.allSettled(passing), sleep(patienceMs, AbortSignal.any([signal, waiting.signal]))])
        return await work()
      } finally {
        waiting.abort()
        opened = undefined
        resolve()
      }
    },
  }
}
