import { type Bell, createBell } from '@commitcast/worker'

/**
 * When the next scheduled event is due. Each look for new events asks for it, too, so that waiting for it costs no query of its
 * own. Times are those of `performance.now()`.
 */
export interface NextDue {
  /** Rings where an event was scheduled that is due soon, and where a look finds one that is due earlier than what was known. */
  readonly bell: Bell
  /** Where such a look begins, as Postgres writes a time. */
  from: string
  readonly at: number
  /** When the last look began. */
  readonly seenAt: number
  /** Takes the answer of a look that began at `askedAt`, unless a later one has answered: in how many ms it is due, null where there is none. */
  see(inMs: number | null, askedAt: number): void
}

/** Two looks differ by this much without a reason. */
const jitterMs = 50

export function createNextDue(): NextDue {
  const bell = createBell()
  let at = 0
  let seenAt = 0
  return {
    bell,
    from: '-infinity',
    get at() {
      return at
    },
    get seenAt() {
      return seenAt
    },
    see(inMs, askedAt) {
      if (askedAt < seenAt) return
      const before = at
      at = inMs === null ? Number.POSITIVE_INFINITY : askedAt + inMs
      seenAt = askedAt
      if (at < before - jitterMs) bell.ring()
    },
  }
}
