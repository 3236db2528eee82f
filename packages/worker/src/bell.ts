/** Lets one loop wait for many reasons to look again. A ring without a waiter is kept (once) for the next wait. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, after `ms`, or when `signal` aborts, whichever is first; says whether it rang. */
  wait(ms: number, signal?: AbortSignal): Promise<boolean>
}

export function createBell(): Bell {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring() {
      rung = true
      wake?.()
    },
    async wait(ms, signal) {
      if (!rung && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
          signal?.addEventListener('abort', wake, { once: true })
        })
        if (wake) signal?.removeEventListener('abort', wake)
        wake = undefined
      }
      const was = rung
      rung = false
      return was
    },
  }
}
