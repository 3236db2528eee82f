/** Whether the leases can still be ours, by this process's clock: a renewal counts from when it was asked for. */
export function createTrust(ttlMs: number) {
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
