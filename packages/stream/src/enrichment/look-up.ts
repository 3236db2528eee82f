import type { CommittedEvent } from '@commitcast/events'
import type { Enricher } from './enrichment.ts'
import { createLoader } from './loader.ts'
import { createLookUpCache } from './look-up-cache.ts'

/** What one kind of metadata is for each event of a batch, by its index there. */
export interface LookedUp {
  readonly kind: string
  /** `undefined` where there is none. */
  readonly values: readonly unknown[]
  /** The errors of those events that have none because something failed. */
  readonly failures: ReadonlyMap<number, unknown>
}

/** Looks one kind of metadata up for those events of a batch that have channels. */
export type LookUp = (
  events: readonly CommittedEvent[],
  options: { readonly isFollowed: readonly boolean[]; readonly signal: AbortSignal },
) => Promise<LookedUp>

/** Makes the look-up of one kind; it keeps the kind's cache, and what is known of its loader. */
export function createLookUp(kind: string, enricher: Enricher<CommittedEvent, unknown, unknown>): LookUp {
  const load = createLoader(kind, (ids) => enricher.load(ids))
  const cache = enricher.cache && createLookUpCache(enricher.cache)

  return async (events, { isFollowed, signal }) => {
    const values: unknown[] = new Array(events.length).fill(undefined)
    const failures = new Map<number, unknown>()
    const ids: unknown[] = new Array(events.length).fill(undefined)
    const wanted = new Set<unknown>()
    for (const [index, event] of events.entries()) {
      cache?.invalidateBy(event)
      if (!isFollowed[index]) continue
      try {
        const id = enricher.id(event)
        if (id === undefined || id === null) continue
        values[index] = cache?.get(id)
        if (values[index] !== undefined) continue
        ids[index] = id
        wanted.add(id)
      } catch (error) {
        failures.set(index, error)
      }
    }
    if (wanted.size === 0) return { kind, values, failures }
    const missing = [...wanted]
    const { found, failed } = await (cache ? cache.fill(missing, () => load(missing, signal)) : load(missing, signal))
    for (const [index, id] of ids.entries()) {
      if (id === undefined) continue
      if (failed.has(id)) failures.set(index, failed.get(id))
      else values[index] = found.get(id)
    }
    return { kind, values, failures }
  }
}
