import { runAggregateBench } from './aggregate/run-aggregate-bench.ts'
import { runAppendBench } from './append/run-append-bench.ts'
import { runClickBench } from './click/run-click-bench.ts'
import { runEnrichBench } from './enrich/run-enrich-bench.ts'
import { runFanoutBench } from './fanout/run-fanout-bench.ts'
import { runIdleBench } from './idle/run-idle-bench.ts'
import { runLatencyBench } from './latency/run-latency-bench.ts'
import { BadOption, type BenchName, helpText, type Options, readOptions } from './options.ts'
import { runPausedBench } from './paused/run-paused-bench.ts'
import { runProcessBench } from './process/run-process-bench.ts'
import { runRelayBench } from './relay/run-relay-bench.ts'
import { runScheduleBench } from './schedule/run-schedule-bench.ts'
import { runStormBench } from './storm/run-storm-bench.ts'

/** What every bench is given. */
export type BenchOptions = Options & { readonly onLine: (line: string) => void }

/** What every bench ends with: rows to look at, and single figures to hold against the goals. */
interface Result {
  readonly bench: BenchName
  readonly rows: readonly object[]
}

const benches: Readonly<Record<BenchName, (options: BenchOptions) => Promise<Result>>> = {
  relay: runRelayBench,
  enrich: runEnrichBench,
  append: runAppendBench,
  latency: runLatencyBench,
  idle: runIdleBench,
  fanout: runFanoutBench,
  paused: runPausedBench,
  storm: runStormBench,
  click: runClickBench,
  aggregate: runAggregateBench,
  schedule: runScheduleBench,
  process: runProcessBench,
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) process.stdout.write(helpText)
  else {
    const onLine = (line: string) => process.stderr.write(`${line}\n`)
    const result = await benches[options.bench]({ ...options, onLine })
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else print(result)
  }
} catch (error) {
  const isBadOption = error instanceof BadOption
  process.stderr.write(`${isBadOption ? error.message : error instanceof Error ? error.stack : error}\n`)
  process.exitCode = isBadOption ? 2 : 1
}

function print({ bench, rows, ...figures }: Result): void {
  process.stdout.write(`${bench}\n`)
  console.table(
    Object.fromEntries(
      rows.map((row) => Object.entries(row)).map(([name, ...rest]) => [name?.[1], Object.fromEntries(rest)]),
    ),
  )
  console.table(flat(figures))
}

function flat(figures: object): Record<string, unknown> {
  const pairs = Object.entries(figures).map(([name, value]) =>
    typeof value === 'object' && value !== null ? value : { [name]: value },
  )
  return Object.assign({}, ...pairs)
}
