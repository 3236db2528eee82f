import { startChild } from '../child/start-child.ts'
import { median, rounded } from '../figures.ts'
import { inTurns } from '../in-turns.ts'
import type { BenchOptions } from '../main.ts'
import { type FanoutSample, openFanoutLane } from './fanout-lane.ts'
import { fanoutRatios } from './fanout-ratios.ts'
import { type FanoutRow, planFanout } from './fanout-rows.ts'

/**
 * What it costs the server to tell an event to one of 1,000 clients, and to have a client. Each contender's server is a
 * process of its own, all clients are another; contenders take turns, every other round in reverse. Medians are told, and
 * medians of the ratios within a round.
 */
export async function runFanoutBench(options: BenchOptions) {
  const { onLine } = options
  const { rows, clients } = planFanout(options)
  await using open = new AsyncDisposableStack()
  const browser = open.use(startChild('fanout/clients-process.ts', null))
  const lanes = rows.map((row) => open.use(openFanoutLane(row, browser)))
  onLine(`${clients} clients`)
  const samples = new Map<string, FanoutSample[]>(rows.map(({ name }) => [name, []]))
  await inTurns(lanes, async ({ row, tell }, round) => {
    const sample = await tell(clients)
    samples.get(row.name)!.push(sample)
    onLine(`round ${round}, ${row.name}: ${rounded(sample.cpuMicros)} us per delivered event`)
  })
  const of = (name: string, figure: keyof FanoutSample) => (samples.get(name) ?? []).map((sample) => sample[figure])
  const costs = new Map(rows.map(({ name }) => [name, of(name, 'cpuMicros')]))
  const held = (name: string) => Math.round(median(of(name, 'bytesPerFollower')))
  const isRun = (name: string) => samples.has(name)
  return {
    bench: 'fanout' as const,
    rows: rows.map((row) => rowOf(row, samples.get(row.name)!)),
    ratios: fanoutRatios(costs),
    ...(isRun('commitcast-300') && { bytesPerFollower: held('commitcast-300') }),
    ...(isRun('vanilla-300') && { bytesPerFollowerVanilla: held('vanilla-300') }),
  }
}

function rowOf({ name, flow }: FanoutRow, samples: readonly FanoutSample[]) {
  const of = (figure: keyof FanoutSample) => median(samples.map((sample) => sample[figure]))
  return {
    name,
    cpuMicrosPerDelivery: rounded(of('cpuMicros')),
    bytesPerFollower: Math.round(of('bytesPerFollower')),
    rssPerFollower: Math.round(of('rssPerFollower')),
    eventsPerSecond: flow.perSecond,
    rounds: samples.length,
  }
}
