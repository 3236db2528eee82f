/** Counts to a number, and says when it is there. */
export interface Count {
  add(count?: number): void
  /** Resolves when `total` were added; rejects when nothing was added for a minute. */
  readonly reached: Promise<void>
}

const silenceMs = 60_000

export function countTo(total: number): Count {
  const { promise: reached, resolve, reject } = Promise.withResolvers<void>()
  let counted = 0
  let seen = 0
  const watch = setInterval(() => {
    if (counted === seen) fail()
    seen = counted
  }, silenceMs)
  const fail = () => {
    clearInterval(watch)
    reject(new Error(`It stopped after ${counted} of ${total} events.`))
  }
  // Whoever awaits it hears of its failure.
  reached.catch(() => {})
  return {
    reached,
    add(count = 1) {
      counted += count
      if (counted < total) return
      clearInterval(watch)
      resolve()
    },
  }
}
