export interface Pace {
  readonly perSecond: number
  readonly seconds: number
}

/** Calls `act` at a rate, whether or not earlier calls are done. Resolves when all are; rejects when one failed. */
export async function atRate({ perSecond, seconds }: Pace, act: () => Promise<void>): Promise<void> {
  const total = Math.round(perSecond * seconds)
  const startedAt = performance.now()
  const acts: Promise<void>[] = []
  for (let n = 0; n < total; n++) {
    const waitMs = startedAt + (n * 1_000) / perSecond - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const acted = act()
    // All are awaited at the end, where a failure is told.
    acted.catch(() => {})
    acts.push(acted)
  }
  await Promise.all(acts)
}
