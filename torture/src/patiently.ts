import { type Logger, untilItWorks } from '@commitcast/worker'

export interface Patience {
  /** How long it is tried. */
  readonly ms: number
  readonly signal?: AbortSignal
  readonly logger?: Logger
}

/** Does what asks a server that the plan may have killed just now: tries again for `ms`, then throws the last error. */
export async function patiently<T>(act: () => Promise<T>, { ms, signal, logger }: Patience): Promise<T> {
  const limit = AbortSignal.timeout(ms)
  let last: unknown
  const done = await untilItWorks(async () => ({ value: await act() }), {
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    onError: (error) => {
      last = error
      logger?.warn({ err: error }, 'tries again')
    },
    maxMs: 1_000,
  })
  if (done) return done.value
  throw last ?? new Error(signal?.aborted ? 'Stopped before it was tried.' : `Not tried in ${ms} ms.`)
}
