import { startNats, startPostgres } from '@commitcast/servers'
import { commitcast, type Drain, naive, naiveAll, rawChain } from './contenders.ts'
import { seedBacklog } from './seed-backlog.ts'

export interface RelayBenchOptions {
  readonly rounds: number
  readonly events: number
  readonly onLine: (line: string) => void
}

interface Row {
  readonly name: string
  readonly eventsPerSecond: number
  /** Of this process: the contender and the client libraries, not Postgres or NATS. */
  readonly cpuSecondsPer10k: number
}

const contenders: Readonly<Record<string, Drain>> = {
  commitcast,
  'raw 250': rawChain(250),
  'raw 500': rawChain(500),
  'raw 1000': rawChain(1_000),
  naive,
  'naive all': naiveAll,
}

/**
 * Drains a backlog of committed events into JetStream file streams, contenders taking turns; medians of the rounds.
 * `raw` publishes from memory with the same headers and one acknowledgement per chunk: what one process can do at most.
 */
export async function runRelayBench({ rounds, events, onLine }: RelayBenchOptions) {
  await using postgres = await startPostgres()
  await using nats = await startNats()
  onLine(`${postgres.origin}; ${nats.origin}; ${events} events of 300 B, one transaction each; ${rounds} rounds`)
  const backlog = await seedBacklog(postgres, 'backlog', events)
  const samples = new Map<string, { perSecond: number; cpu: number }[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, drain] of Object.entries(contenders)) {
      await using copy = await backlog.clone()
      const cpu = process.cpuUsage()
      const startedAt = performance.now()
      await drain({ natsUrl: nats.url, pool: copy.pool, url: copy.url, events })
      const seconds = (performance.now() - startedAt) / 1_000
      const { user, system } = process.cpuUsage(cpu)
      const sample = { perSecond: events / seconds, cpu: (user + system) / 1e6 / (events / 10_000) }
      samples.set(name, [...(samples.get(name) ?? []), sample])
      onLine(
        `round ${round + 1}, ${name}: ${Math.round(sample.perSecond)}/s, ${sample.cpu.toFixed(3)} CPU s per 10,000`,
      )
    }
  }
  const rows = [...samples].map(
    ([name, taken]): Row => ({
      name,
      eventsPerSecond: Math.round(median(taken.map((sample) => sample.perSecond))),
      cpuSecondsPer10k: Number(median(taken.map((sample) => sample.cpu)).toFixed(3)),
    }),
  )
  return { bench: 'relay', rows, ratios: ratiosOf(rows) }
}

function ratiosOf(rows: readonly Row[]) {
  const rate = (name: string) => rows.find((row) => row.name === name)?.eventsPerSecond ?? Number.NaN
  const raw = Math.max(...rows.filter((row) => row.name.startsWith('raw ')).map((row) => row.eventsPerSecond))
  const over = (other: number) => Number((rate('commitcast') / other).toFixed(2))
  return { ofRawLimit: over(raw), vsNaive: over(rate('naive')), vsNaiveAll: over(rate('naive all')) }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
