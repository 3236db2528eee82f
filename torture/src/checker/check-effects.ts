import type { LedgerRow } from './check-log.ts'

/** Compares the handler's effects, the ids of events in the order in which they happened, with what was committed. */
export function checkEffects(
  ledger: readonly LedgerRow[],
  effects: readonly string[],
): { readonly missed: readonly string[]; readonly repeated: number } {
  const rows = new Map(ledger.map((row) => [row.id, row]))
  const done = new Set<string>()
  const lastOfKey = new Map<string, number>()
  const missed: string[] = []
  let repeated = 0
  for (const effect of effects) {
    const row = rows.get(effect)
    if (!row) continue
    if (done.has(row.id)) {
      repeated++
      continue
    }
    done.add(row.id)
    const last = lastOfKey.get(row.key) ?? 0
    if (row.n < last) missed.push(`event ${row.id}, ${row.key} ${row.n}, came after ${last}`)
    lastOfKey.set(row.key, Math.max(row.n, last))
  }
  for (const { id, key, n } of ledger) if (!done.has(id)) missed.push(`event ${id}, ${key} ${n}, never came`)
  return { missed, repeated }
}
