import { median, rounded } from '../figures.ts'
import type { Sample } from '../timed.ts'
import { countLookUps } from './count-look-ups.ts'
import { type LaneOptions, openEnrichLane } from './enrich-lane.ts'
import { enrichRatios } from './enrich-ratios.ts'
import type { EnrichRow } from './enrich-rows.ts'

export interface CarryOptions extends LaneOptions {
  readonly onLine: (line: string) => void
}

/** Runs the rows in turns, after an untimed run each; in that of `commitcast` the look-ups are counted. */
export async function carryRows(rows: readonly EnrichRow[], options: CarryOptions) {
  const { backlog, onLine } = options
  await using open = new AsyncDisposableStack()
  const lanes = rows.map((row) => open.use(openEnrichLane(row, options)))
  let queries: number | undefined
  for (const { row, carry } of lanes) {
    onLine(`${row.name}: ${backlog.events} events untimed, to warm up`)
    if (row.name === 'commitcast') queries = await countLookUps(options, carry)
    else await carry()
  }
  const samples = new Map<string, Sample[]>(rows.map(({ name }) => [name, []]))
  for (let round = 0; round < Math.max(...rows.map((row) => row.rounds)); round++) {
    for (const { row, carry } of round % 2 === 0 ? lanes : lanes.toReversed()) {
      if (round >= row.rounds) continue
      const sample = await carry()
      samples.get(row.name)!.push(sample)
      onLine(`round ${round + 1}, ${row.name}: ${Math.round(backlog.events / sample.seconds)}/s`)
    }
  }
  return { ...figuresOf(samples, backlog.events), queries }
}

function figuresOf(samples: ReadonlyMap<string, readonly Sample[]>, events: number) {
  const rates = new Map([...samples].map(([name, of]) => [name, of.map(({ seconds }) => events / seconds)]))
  return {
    rows: [...samples].map(([name, of]) => ({
      name,
      eventsPerSecond: Math.round(median(rates.get(name)!)),
      cpuSecondsPer10k: rounded(median(of.map(({ cpuSeconds }) => cpuSeconds / (events / 10_000))), 3),
    })),
    ratios: enrichRatios(rates),
  }
}
