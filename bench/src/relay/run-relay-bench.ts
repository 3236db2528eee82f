import { startNats, startPostgres } from '@commitcast/servers'
import { carriedFigures } from '../carried-figures.ts'
import { median, rounded } from '../figures.ts'
import { inTurns } from '../in-turns.ts'
import type { BenchOptions } from '../main.ts'
import type { Sample } from '../timed.ts'
import { openLane, type RelayLane } from './relay-lane.ts'
import { relayRatios } from './relay-ratios.ts'
import { relayRows } from './relay-rows.ts'
import { openStoredStreams } from './stored-streams.ts'

/**
 * Carries a backlog of committed events, one transaction each, to the broker: JetStream file streams, for one row Postgres.
 * Contenders are processes of their own and take turns, every other round in reverse. Medians are told, and medians of the
 * ratios within a round.
 */
export async function runRelayBench(options: BenchOptions) {
  const { onLine } = options
  const rows = relayRows(options)
  await using postgres = await startPostgres()
  await using nats = await startNats()
  await using streams = await openStoredStreams(nats.url)
  onLine(`${postgres.origin}; ${nats.origin}; events of 300 B, one transaction each`)
  await using open = new AsyncDisposableStack()
  const lanes: RelayLane[] = []
  for (const row of rows) {
    const lane = open.use(await openLane(row, { postgres, nats, streams }))
    lanes.push(lane)
    onLine(`${row.name}: ${row.retained ?? row.warmUp} events untimed, to ${row.retained ? 'be retained' : 'warm up'}`)
    await lane.warmUp()
  }
  const samples = new Map(rows.map((row) => [row.name, [] as Sample[]]))
  const tailsMs: number[] = []
  await inTurns(lanes, async ({ row, carry, carryTail }, round) => {
    const sample = await carry()
    samples.get(row.name)!.push(sample)
    onLine(`round ${round}, ${row.name}: ${Math.round(row.events / sample.seconds)}/s`)
    if (row.retained !== undefined) tailsMs.push((await carryTail()).seconds * 1_000)
  })
  const figures = carriedFigures(rows.map(({ name, events }) => ({ name, events, samples: samples.get(name)! })))
  return {
    bench: 'relay' as const,
    rows: figures.rows,
    ratios: relayRatios(figures.rates),
    ...(tailsMs.length > 0 && { retainedTailMs: rounded(median(tailsMs)) }),
  }
}
