import { sleep } from '@commitcast/worker'

export interface PacedOptions {
  /** Over which time. */
  readonly overMs: number
  /** Does the rest at once. */
  readonly signal: AbortSignal | undefined
}

/** Calls `act` for each item, one after the other, in random order and at an even pace. */
export async function paced<T>(items: Iterable<T>, { overMs, signal }: PacedOptions, act: (item: T) => void) {
  const all = shuffle([...items])
  const began = performance.now()
  for (const [index, item] of all.entries()) {
    const waitMs = (overMs * index) / all.length - (performance.now() - began)
    if (waitMs >= 1) await sleep(waitMs, signal)
    act(item)
  }
}

function shuffle<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[items[last], items[other]] = [items[other]!, items[last]!]
  }
  return items
}
