import type { Options } from '../options.ts'
import { pickNames } from '../pick-names.ts'
import type { ContenderName } from './contender-process.ts'

/** One line of the table: who makes what of the backlog. */
export interface EnrichRow {
  readonly name: ContenderName
  /** What has to be there afterwards: copies in the live topic, copies with metadata, or counts in a table. */
  readonly makes: 'copies' | 'enriched' | 'counts'
  readonly rounds: number
}

/** What is run: rows that carry the backlog, and whether latency is measured. */
export interface EnrichPlan {
  readonly rows: readonly EnrichRow[]
  readonly events: number
  /** Rounds of the latency that the stream worker adds; none where it was not asked for. */
  readonly latencyRounds: number
}

const latency = 'addedLatency'

/** What was asked for. Throws `BadOption` for a row that there is not. */
export function planEnrich({ quick, rounds = quick ? 1 : 5, events, only }: Options): EnrichPlan {
  // What takes long takes turns less often.
  const seldom = Math.min(rounds, 3)
  const rows: readonly EnrichRow[] = [
    { name: 'commitcast', makes: 'enriched', rounds },
    { name: 'raw', makes: 'copies', rounds },
    { name: 'perEventQuery', makes: 'enriched', rounds: seldom },
    { name: 'perEventQueryAtOnce', makes: 'enriched', rounds: seldom },
    { name: 'projection', makes: 'counts', rounds },
    { name: 'onePerTransaction', makes: 'counts', rounds: seldom },
  ]
  const wanted = pickNames([...rows.map(({ name }) => name), latency], only)
  return {
    rows: rows.filter(({ name }) => wanted.has(name)),
    events: events ?? (quick ? 2_000 : 50_000),
    latencyRounds: wanted.has(latency) ? rounds : 0,
  }
}
