/**
 * Waits `ms`, or until `signal` aborts. Never rejects: look at the signal afterwards. With `ref: false` the wait alone does
 * not keep the process running.
 */
export function sleep(ms: number, signal?: AbortSignal, { ref = true } = {}): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    if (!ref) timer.unref()
    signal?.addEventListener('abort', done, { once: true })
  })
}
