export interface TimeoutOptions {
  /** How long it may take, in milliseconds. */
  readonly ms: number
  /** The subject of the error's message: "The look-up of customers". */
  readonly what: string
  /** A sentence that ends the error's message: what to do. */
  readonly advice?: string
  /** Its abort ends the wait, too. */
  readonly signal?: AbortSignal
  /** The error's code. Default `TIMED_OUT`; with `ETIMEDOUT` it counts as an outage. */
  readonly code?: string
}

/**
 * What `work` resolves to. Rejects where that takes longer than `ms`, and with the signal's reason at its abort. The signal that
 * `work` receives aborts in both cases; work that ignores it continues, and its result is dropped. Once `signal` has aborted,
 * `work` is not called.
 */
export async function withTimeout<T>(
  work: (ended: AbortSignal) => PromiseLike<T>,
  { ms, what, advice, signal, code = 'TIMED_OUT' }: TimeoutOptions,
): Promise<T> {
  signal?.throwIfAborted()
  const ending = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = (reason: unknown) => {
    reject(reason)
    ending.abort(reason)
  }
  const onAbort = () => end(signal?.reason)
  const timer = setTimeout(() => {
    const words = `${what} took longer than ${ms} ms.${advice === undefined ? '' : ` ${advice}`}`
    end(Object.assign(new Error(words), { code }))
  }, ms)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work(ending.signal), ended])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
