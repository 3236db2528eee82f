import type { Found } from './broker-log.ts'
import type { StoredEpoch } from './epoch-logs.ts'

/** What is true: an event that was committed. */
export interface LedgerRow {
  readonly id: string
  readonly key: string
  readonly n: number
}

/** What is wrong; all zeros where nothing is. */
export interface Damage {
  lost: number
  phantom: number
  duplicated: number
  outOfOrder: number
  gaps: number
}

export interface Findings extends Damage {
  /** Messages on the broker. */
  readonly stored: number
  /** The first few things that are wrong, in words. */
  readonly examples: string[]
}

/**
 * Compares what the broker has of ours, epoch by epoch and partition by partition, with the ledger. `unnumbered` are events that
 * are not in the ledger and have no number within their key.
 */
export function checkLog(
  ledger: readonly LedgerRow[],
  epochs: readonly StoredEpoch[],
  unnumbered: ReadonlySet<string>,
): Findings {
  const committed = new Map(ledger.map((row) => [row.id, row]))
  const findings: Findings = {
    ...noDamage(),
    stored: epochs.flatMap(({ partitions }) => partitions.flat()).length,
    examples: [],
  }
  const places = new Map<string, string>()
  const lastOfKey = new Map<string, { n: number; partition: number }>()
  const logs = epochs.flatMap(({ epoch, partitions }) =>
    partitions.map((messages, partition) => ({ epoch, partition, messages })),
  )
  for (const { epoch, partition, messages } of logs) {
    findings.gaps += gapsIn(messages)
    for (const message of messages) {
      const place = `epoch ${epoch}, partition ${partition}, offset ${message.offset}`
      const row = committed.get(message.id)
      const twin = places.get(message.id)
      if (twin !== undefined) tell(findings, 'duplicated', `${place}: event ${message.id} is also at ${twin}`)
      else if (!unnumbered.has(message.id) && (row?.key !== message.key || row.n !== message.n))
        tell(findings, 'phantom', `${place}: event ${message.id} is not in the ledger like that`)
      places.set(message.id, place)
      const before = lastOfKey.get(message.key)
      if (before && !unnumbered.has(message.id) && (before.partition !== partition || before.n >= message.n))
        tell(findings, 'outOfOrder', `${place}: ${message.key} has ${message.n} after ${before.n}`)
      lastOfKey.set(message.key, { n: message.n, partition })
    }
  }
  for (const id of unnumbered)
    if (!places.has(id)) tell(findings, 'lost', `event ${id}, which is not in the ledger, is nowhere on the broker`)
  for (const { id, key, n } of ledger)
    if (!places.has(id)) tell(findings, 'lost', `event ${id}, ${key} ${n}, is nowhere on the broker`)
  return findings
}

/** Counts one thing that is wrong and keeps it in mind. */
export function tell(findings: Findings, kind: keyof Damage, words: string): void {
  findings[kind]++
  if (findings[kind] <= 5) findings.examples.push(`${kind}: ${words}`)
}

function noDamage(): Damage {
  return { lost: 0, phantom: 0, duplicated: 0, outOfOrder: 0, gaps: 0 }
}

/** Offsets that are missing, or stand more than once. */
function gapsIn(messages: readonly Found[]): number {
  return messages.filter(({ offset }, index) => offset !== (messages[index - 1]?.offset ?? 0) + 1).length
}
