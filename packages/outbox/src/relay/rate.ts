const rateMs = 500

/** Events per second over the last moment. */
export interface Rate {
  add(events: number): void
  /** Anew every 500 ms, else what it was. */
  perSecond(): number
}

export function createRate(): Rate {
  let since = Date.now()
  let count = 0
  let perSecond = 0
  return {
    add(events) {
      count += events
    },
    perSecond() {
      const ms = Date.now() - since
      if (ms < rateMs) return perSecond
      perSecond = (count / ms) * 1_000
      since = Date.now()
      count = 0
      return perSecond
    },
  }
}
