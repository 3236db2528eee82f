import type { StreamRecord, Stretch, Told } from './stream-record.ts'

/** What is wrong with a client's stream, in words; nothing where nothing is. */
export interface StreamFindings {
  /** Events that the ledger has and the client does not. */
  readonly lost: string[]
  /** Events that came twice, that the state showed already, or that the ledger does not have. */
  readonly duplicated: string[]
  /** Events that came after a later one of their key. */
  readonly outOfOrder: string[]
}

/** What a client should have got: the ledger's events of its channels by key, in the order of their numbers. */
export type Expected = ReadonlyMap<string, readonly Told[]>

/**
 * Holds all that a client got against the ledger. Its last stretch has to reach the ledger's end; in an earlier one
 * nothing may be missing before what came last of each key.
 */
export function checkStream(
  { stretches, strayStates }: Pick<StreamRecord, 'stretches' | 'strayStates'>,
  expected: Expected,
): StreamFindings {
  const findings: StreamFindings = { lost: [], duplicated: [], outOfOrder: [] }
  if (strayStates > 0) findings.duplicated.push(`${strayStates} states came where none was due`)
  const ids = idsOf(expected)
  for (const stretch of stretches) {
    const byKey = Map.groupBy(stretch.events, ({ key }) => key)
    const isLast = stretch === stretches.at(-1)
    for (const key of new Set([...byKey.keys(), ...(isLast ? expected.keys() : [])])) {
      const all = byKey.get(key) ?? []
      // A fail-over takes the newest events of a key with it, and the client may have left before it was told.
      const events = isLast ? all : all.slice(0, all.findLastIndex(({ id }) => ids.has(id)) + 1)
      const from = fromOf(stretch, key, events)
      const until = isLast ? Number.POSITIVE_INFINITY : Math.max(...events.map(({ n }) => n))
      checkKey(findings, {
        key,
        events,
        due: (expected.get(key) ?? []).filter(({ n }) => n > from && n <= until),
        from,
      })
    }
  }
  return findings
}

function idsOf(expected: Expected): ReadonlySet<string> {
  return new Set([...expected.values()].flat().map(({ id }) => id))
}

/** The number after which a client has to get everything of a key. */
function fromOf({ from }: Stretch, key: string, [first]: readonly Told[]): number {
  if (from === 'all') return 0
  if (from === 'unknown') return first ? first.n - 1 : Number.POSITIVE_INFINITY
  return from.get(key) ?? 0
}

interface OfKey {
  readonly key: string
  readonly events: readonly Told[]
  readonly due: readonly Told[]
  readonly from: number
}

function checkKey({ lost, duplicated, outOfOrder }: StreamFindings, { key, events, due, from }: OfKey): void {
  const dueIds = new Set(due.map(({ id }) => id))
  const seen = new Set<string>()
  let last = from
  for (const { id, n } of events) {
    if (seen.has(id)) duplicated.push(`${key} ${n} came twice`)
    else if (n <= from) duplicated.push(`${key} ${n} came, though the state showed ${from}`)
    else if (!dueIds.has(id)) duplicated.push(`${key} ${n} came as ${id}, which is not in the ledger`)
    else if (n < last) outOfOrder.push(`${key} ${n} came after ${last}`)
    seen.add(id)
    last = Math.max(last, n)
  }
  for (const { id, n } of due) if (!seen.has(id)) lost.push(`${key} ${n} (${id}) never came`)
}
