import { BadOption, type Options } from '../options.ts'
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
  const names: readonly string[] = [...rows.map(({ name }) => name), latency]
  const unknown = only?.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new BadOption(`--only ${JSON.stringify(unknown)}: there is no such row. There are ${names.join(', ')}.`)
  }
  const isWanted = (name: string) => only === undefined || only.includes(name)
  return {
    rows: rows.filter(({ name }) => isWanted(name)),
    events: events ?? (quick ? 2_000 : 50_000),
    latencyRounds: isWanted(latency) ? rounds : 0,
  }
}
