import type { CommittedEvent } from '@commitcast/events'
import { LRUCache } from 'lru-cache'
import type { CacheOptions } from './enrichment.ts'
import { idsIn } from './ids-in.ts'
import type { Loaded } from './loader.ts'

/** What a worker keeps of one kind of metadata, for all its partitions. */
export interface LookUpCache {
  /** Forgets what this event makes old. Called for each event, in the order of its partition. */
  invalidateBy(event: CommittedEvent): void
  get(id: unknown): unknown
  /** Loads ids and keeps what was found, but for what was invalidated while it was loaded. */
  fill(ids: readonly unknown[], load: () => Promise<Loaded>): Promise<Loaded>
}

export function createLookUpCache(options: CacheOptions<CommittedEvent, unknown>): LookUpCache {
  const { maxEntries, ttlMs, invalidateOn = {} } = options
  const kept = new LRUCache<NonNullable<unknown>, NonNullable<unknown>>({ max: maxEntries, ttl: ttlMs })
  /** For each look-up under way, what it may have read too early. */
  const loading = new Set<Set<unknown>>()

  const forget = (id: unknown) => {
    kept.delete(id as NonNullable<unknown>)
    for (const stale of loading) stale.add(id)
  }
  const forgetAll = () => {
    kept.clear()
    for (const stale of loading) stale.add(everything)
  }

  return {
    invalidateBy(event) {
      const idOf = Object.hasOwn(invalidateOn, event.type) ? invalidateOn[event.type] : undefined
      if (!idOf) return
      try {
        for (const id of idsIn(idOf(event))) forget(id)
      } catch {
        // Whatever it is about, it is looked up anew.
        forgetAll()
      }
    },
    get: (id) => kept.get(id as NonNullable<unknown>),
    async fill(ids, load) {
      const stale = new Set<unknown>()
      loading.add(stale)
      try {
        const loaded = await load()
        for (const id of stale.has(everything) ? [] : ids) {
          const value = loaded.found.get(id)
          if (value !== undefined && value !== null && !stale.has(id)) kept.set(id as NonNullable<unknown>, value)
        }
        return loaded
      } finally {
        loading.delete(stale)
      }
    },
  }
}

const everything = Symbol('everything')
