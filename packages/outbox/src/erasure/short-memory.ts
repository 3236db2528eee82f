/** Values by name, each for a short time, the newest of them. */
export interface ShortMemory<T> {
  has(name: string): boolean
  get(name: string): T | undefined
  /** `at` is when the value was known to hold, by `performance.now()`. */
  set(name: string, value: T, at: number): void
}

export function createShortMemory<T>({
  keptMs,
  most,
}: {
  readonly keptMs: number
  readonly most: number
}): ShortMemory<T> {
  const kept = new Map<string, { readonly value: T; readonly until: number }>()
  const fresh = (name: string) => {
    const found = kept.get(name)
    if (!found || found.until > performance.now()) return found
    kept.delete(name)
    return undefined
  }
  let sweeping: NodeJS.Timeout | undefined
  /** What has had its time leaves the memory also where no one asks for it. */
  const sweep = () => {
    const now = performance.now()
    for (const [name, { until }] of kept) if (until <= now) kept.delete(name)
    sweeping = kept.size > 0 ? setTimeout(sweep, keptMs).unref() : undefined
  }
  return {
    has: (name) => fresh(name) !== undefined,
    get: (name) => fresh(name)?.value,
    set(name, value, at) {
      kept.delete(name)
      kept.set(name, { value, until: at + keptMs })
      if (sweeping === undefined) sweeping = setTimeout(sweep, keptMs).unref()
      const [oldest] = kept.keys()
      if (kept.size > most && oldest !== undefined) kept.delete(oldest)
    },
  }
}
