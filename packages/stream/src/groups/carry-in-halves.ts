import { isPassing } from './is-passing.ts'
import type { WorkItem } from './work-item.ts'

export interface CarryOptions {
  readonly signal: AbortSignal
  /** Does all items in one transaction. */
  readonly together: (items: readonly WorkItem[]) => Promise<void>
  /** Does one, by itself, until it works or is parked. */
  readonly alone: (item: WorkItem) => Promise<void>
}

/** All in one transaction. Where that fails, halves, until the one event is found that fails alone. Throws what passes. */
export async function carryInHalves(items: readonly WorkItem[], options: CarryOptions): Promise<void> {
  const { signal, together, alone } = options
  if (items.length === 0 || signal.aborted) return
  if (items.length === 1) return alone(items[0]!)
  try {
    await together(items)
  } catch (error) {
    if (signal.aborted || isPassing(error)) throw error
    const middle = Math.ceil(items.length / 2)
    await carryInHalves(items.slice(0, middle), options)
    await carryInHalves(items.slice(middle), options)
  }
}
