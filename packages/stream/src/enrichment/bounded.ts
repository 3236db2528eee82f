/**
 * Does work that knows no signal, and waits for it at most `ms`. Rejects with the signal's reason, or as an outage
 * (`ETIMEDOUT`) that says `what` was too slow. The work itself goes on, and what comes of it is dropped. Once the signal has
 * aborted, it is not begun.
 */
export async function bounded<T>(
  work: () => PromiseLike<T>,
  { ms, signal, what }: { readonly ms: number; readonly signal: AbortSignal; readonly what: string },
): Promise<T> {
  signal.throwIfAborted()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  const timer = setTimeout(() => {
    reject(Object.assign(new Error(`${what} did not end within ${ms} ms.`), { code: 'ETIMEDOUT' }))
  }, ms)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work(), ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
