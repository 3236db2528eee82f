/** Whether the leases can still be ours, by this process's clock. */
export interface Trust {
  /** Aborts when they may have run out. Ask again after a renewal. */
  held(): AbortSignal
  /** A renewal that was asked for at this moment succeeded. */
  renew(askedAt: number): void
  end(): void
}

/** A renewal counts from when it was asked for, not from when it was answered. */
export function createTrust(ttlMs: number): Trust {
  let doubt = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    held: () => doubt.signal,
    renew(askedAt: number) {
      clearTimeout(timer)
      if (doubt.signal.aborted) doubt = new AbortController()
      timer = setTimeout(() => doubt.abort(), Math.max(0, askedAt + ttlMs - Date.now()))
    },
    end: () => clearTimeout(timer),
  }
}
