import { startNats, startPostgres } from '@commitcast/servers'
import { commitcast, type Drain, naive, naiveAll, rawChain } from './contenders.ts'
import { type Backlog, seedBacklog } from './seed-backlog.ts'

const rounds = Number(process.env.ROUNDS ?? 3)
const only = process.env.ONLY?.split(',')

interface Contender {
  readonly name: string
  readonly drain: Drain
  readonly backlog: Backlog
  readonly events: number
}

const [postgres, nats] = await Promise.all([startPostgres(), startNats()])
const small = 50_000
const backlog = await seedBacklog(postgres, 'small', small)
const contenders: Contender[] = [
  { name: 'commitcast', drain: commitcast, backlog, events: small },
  ...[250, 500, 1_000].map((window) => ({ name: `raw ${window}`, drain: rawChain(window), backlog, events: small })),
  { name: 'naive', drain: naive, backlog, events: small },
  { name: 'naive all', drain: naiveAll, backlog, events: small },
].filter(({ name }) => !only || only.includes(name))
const results = new Map<string, { perSecond: number[]; cpu: number[] }>()
for (let round = 0; round < rounds; round++) {
  for (const { name, drain, backlog, events } of contenders) {
    const { url, pool, drop } = await backlog.clone()
    const cpu = process.cpuUsage()
    const startedAt = performance.now()
    await drain({ natsUrl: nats.url, pool, url, events })
    const seconds = (performance.now() - startedAt) / 1_000
    const used = process.cpuUsage(cpu)
    await drop().catch(() => {})
    const result = results.get(name) ?? { perSecond: [], cpu: [] }
    results.set(name, result)
    result.perSecond.push(events / seconds)
    result.cpu.push((used.user + used.system) / events)
    process.stdout.write(`${round} ${name} ${Math.round(events / seconds)}/s ${result.cpu.at(-1)!.toFixed(1)} us\n`)
  }
}
await Promise.all([postgres.stop(), nats.stop()])
process.exit(0)
