import { sleep } from './sleep.ts'

/** Repeats `check` until it passes, and returns its result. After `ms`, by default 60,000, rejects with its last error. */
export async function eventually<T>(check: () => Promise<T> | T, ms = 60_000): Promise<T> {
  const until = performance.now() + ms
  for (;;) {
    const began = performance.now()
    try {
      return await check()
    } catch (error) {
      if (performance.now() > until) throw error
      // A check that takes long is made less often: what it waits for needs the processor, too.
      await sleep(Math.min(1_000, Math.max(20, 4 * (performance.now() - began))))
    }
  }
}
