import { carriedFigures } from '../carried-figures.ts'
import { inTurns } from '../in-turns.ts'
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
  const { onLine } = options
  const { events } = options.backlog
  await using open = new AsyncDisposableStack()
  const lanes = rows.map((row) => open.use(openEnrichLane(row, options)))
  let queries: number | undefined
  for (const { row, carry } of lanes) {
    onLine(`${row.name}: ${events} events untimed, to warm up`)
    if (row.name === 'commitcast') queries = await countLookUps(options, carry)
    else await carry()
  }
  const samples = new Map<string, Sample[]>(rows.map(({ name }) => [name, []]))
  await inTurns(lanes, async ({ row, carry }, round) => {
    const sample = await carry()
    samples.get(row.name)!.push(sample)
    onLine(`round ${round}, ${row.name}: ${Math.round(events / sample.seconds)}/s`)
  })
  const figures = carriedFigures([...samples].map(([name, samples]) => ({ name, events, samples })))
  return { rows: figures.rows, ratios: enrichRatios(figures.rates), queries }
}
