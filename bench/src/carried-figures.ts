import { type Figures, median, rounded } from './figures.ts'
import type { Sample } from './timed.ts'

/** A row's rounds: in each so many events were carried. */
export interface Carried {
  readonly name: string
  readonly events: number
  readonly samples: readonly Sample[]
}

/** Events per second of each row's rounds, and the table of their medians. */
export function carriedFigures(carried: readonly Carried[]) {
  const rates: Figures = new Map(
    carried.map(({ name, events, samples }) => [name, samples.map(({ seconds }) => events / seconds)]),
  )
  const rows = carried.map(({ name, events, samples }) => ({
    name,
    eventsPerSecond: Math.round(median(rates.get(name)!)),
    cpuSecondsPer10k: rounded(median(samples.map(({ cpuSeconds }) => cpuSeconds / (events / 10_000))), 3),
  }))
  return { rates, rows }
}
