import type { CommittedEvent } from '@commitcast/events'
import type { Enricher } from './enrichment.ts'
import { idsIn } from './ids-in.ts'
import { createLoader, type Loaded } from './loader.ts'
import { createLookUpCache } from './look-up-cache.ts'

/** What one kind of metadata is for each event of a batch, by its index there. */
export interface LookedUp {
  readonly kind: string
  /** `undefined` where there is none. */
  readonly values: readonly unknown[]
  /** The errors of those events of which something failed: they have none, or a list that lacks it. */
  readonly failures: ReadonlyMap<number, unknown>
}

/** Looks one kind of metadata up for those events of a batch that have channels. */
export type LookUp = (
  events: readonly CommittedEvent[],
  options: { readonly isFollowed: readonly boolean[]; readonly signal: AbortSignal },
) => Promise<LookedUp>

/** What one event asks for. */
interface Need {
  readonly isList: boolean
  readonly ids: readonly unknown[]
  /** For each id what the cache had, if anything, when the batch came to this event. */
  readonly kept: readonly unknown[]
}

/** Makes the look-up of one kind; it keeps the kind's cache, and what is known of its loader. */
export function createLookUp(kind: string, enricher: Enricher<CommittedEvent, unknown, unknown>): LookUp {
  const load = createLoader(kind, (ids) => enricher.load(ids))
  const cache = enricher.cache && createLookUpCache(enricher.cache)

  const needOf = (event: CommittedEvent): Need => {
    const answer = enricher.id(event)
    const ids = idsIn(answer)
    return { isList: Array.isArray(answer), ids, kept: ids.map((id) => cache?.get(id)) }
  }

  return async (events, { isFollowed, signal }) => {
    const needs = new Map<number, Need>()
    const failures = new Map<number, unknown>()
    for (const [index, event] of events.entries()) {
      cache?.invalidateBy(event)
      if (!isFollowed[index]) continue
      try {
        needs.set(index, needOf(event))
      } catch (error) {
        failures.set(index, error)
      }
    }
    const missing = missingOf(needs.values())
    const loaded = await (cache ? cache.fill(missing, () => load(missing, signal)) : load(missing, signal))
    const values: unknown[] = new Array(events.length).fill(undefined)
    for (const [index, need] of needs) {
      const { found, error } = resolve(need, loaded)
      values[index] = need.isList ? found : found[0]
      if (error !== undefined) failures.set(index, error)
    }
    return { kind, values, failures }
  }
}

/** Each id once that the cache did not have. */
function missingOf(needs: Iterable<Need>): unknown[] {
  const missing = new Set<unknown>()
  for (const { ids, kept } of needs) {
    for (const [at, id] of ids.entries()) if (kept[at] === undefined) missing.add(id)
  }
  return [...missing]
}

function resolve(
  { ids, kept }: Need,
  loaded: Loaded,
): { readonly found: readonly unknown[]; readonly error?: unknown } {
  const found = ids.map((id, at) => kept[at] ?? loaded.found.get(id)).filter((value) => value !== undefined)
  const bad = ids.find((id, at) => kept[at] === undefined && loaded.failed.has(id))
  return { found, error: loaded.failed.get(bad) }
}
