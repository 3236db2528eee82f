import { hash } from 'node:crypto'
import { isCause } from '../read-side/read-side-story.ts'
import type { Found } from './broker-log.ts'

/** What the projection wrote. */
export interface ReadModel {
  readonly chains: readonly {
    readonly key: string
    readonly count: number
    readonly n: number
    readonly chain: string
  }[]
  /** Which event of its own it appended because of which. */
  readonly derived: readonly { readonly cause: string; readonly id: string }[]
}

/**
 * Computes each key's chain anew from what is stored, and compares it with the projection's. Says what is wrong in words:
 * a key that drifted, or an event that should have led to one event of the projection's and has not, or to several.
 */
export function checkChains(partitions: readonly (readonly Found[])[], { chains, derived }: ReadModel): string[] {
  const events = partitions.flat()
  return [...compareChains(events, chains), ...compareDerived(events, derived)]
}

function compareChains(events: readonly Found[], chains: ReadModel['chains']): string[] {
  const wanted = new Map<string, { count: number; n: number; chain: string }>()
  for (const { key, n, id } of events) {
    const before = wanted.get(key)
    wanted.set(key, { count: (before?.count ?? 0) + 1, n, chain: hash('md5', `${before?.chain ?? ''}${id}`) })
  }
  const kept = new Map(chains.map((row) => [row.key, row]))
  const keys = new Set([...wanted.keys(), ...kept.keys()])
  return [...keys].flatMap((key) => {
    const [want, have] = [wanted.get(key), kept.get(key)]
    if (want && have?.chain === want.chain && have.count === want.count && have.n === want.n) return []
    return [`${key} has ${have?.count ?? 0} events up to ${have?.n}, of ${want?.count ?? 0} up to ${want?.n}`]
  })
}

function compareDerived(events: readonly Found[], derived: ReadModel['derived']): string[] {
  const causes = Map.groupBy(derived, ({ cause }) => cause)
  const stored = new Set(events.map(({ id }) => id))
  return events.flatMap((event) => {
    const own = causes.get(event.id) ?? []
    const want = isCause(event) ? 1 : 0
    if (own.length === want && own.every(({ id }) => stored.has(id))) return []
    return [`event ${event.id} led to ${own.length} events of the projection's instead of ${want}`]
  })
}
