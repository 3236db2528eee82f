import { freePort, ServerUnavailable, startNats, startPostgres } from '@commitcast/servers'
import { buildPages } from './build-pages.ts'
import { type AppName, type AppProcess, startProcess } from './start-process.ts'

export interface Everything {
  /** The page. */
  readonly url: string
  readonly apiUrl: string
  readonly broker: 'nats' | 'postgres'
  /** What the services are and where they came from. */
  readonly origins: readonly string[]
  /** Kills a process as `kill -9` does and starts it again; resolves when it is healthy. */
  restart(name: AppName): Promise<void>
  /** Rejects when a process ends by itself. */
  readonly crashed: Promise<never>
  /** Ends everything within 5 s and removes its data. */
  stop(): Promise<void>
}

export interface EverythingOptions {
  /** Hears every log line, and what happens to the processes. */
  readonly onLine: (line: string) => void
  /** Whether a process that ends by itself (or by your `kill -9`) is started again, as an orchestrator would. Default no. */
  readonly revive?: boolean
}

const reviveAfterMs = 1_000
const maxRevivals = 100

/** Starts Postgres, NATS, and the shop's four processes on free ports; resolves when the page can be opened. */
export async function startEverything({ onLine, revive = false }: EverythingOptions): Promise<Everything> {
  await using stack = new AsyncDisposableStack()
  const [postgres, nats] = await Promise.all([
    startPostgres().then((server) => stack.use(server)),
    startNats().then((server) => stack.use(server), withoutNats),
    buildPages(),
  ])
  const [apiPort, webPort, relayHealth, streamHealth] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ])
  const apiUrl = `http://127.0.0.1:${apiPort}`
  const services = {
    DATABASE_URL: postgres.url,
    NATS_URL: nats?.url ?? '',
    HOST: '127.0.0.1',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
  }
  const environments: Record<AppName, Record<string, string>> = {
    api: { PORT: String(apiPort) },
    relay: { HEALTH_PORT: String(relayHealth) },
    stream: { HEALTH_PORT: String(streamHealth) },
    web: { PORT: String(webPort), API_URL: apiUrl },
  }
  const running = new Map<AppName, AppProcess>()
  let revivals = 0
  let isStopping = false
  const { promise: crashed, reject: crash } = Promise.withResolvers<never>()
  crashed.catch(() => {})
  const start = (name: AppName) => {
    const env = { ...services, ...environments[name] }
    const process = startProcess(name, { env, onLine: (line) => onLine(`${name}: ${line}`) })
    process.crashed.catch((error: Error) => {
      if (!revive || revivals++ >= maxRevivals) return crash(error)
      onLine(`${error.message} Starting it again.`)
      setTimeout(() => !isStopping && start(name), reviveAfterMs)
    })
    running.set(name, process)
  }
  const healthy = (name: AppName) => {
    const { PORT, HEALTH_PORT } = environments[name]
    return Promise.race([untilHealthy(`http://127.0.0.1:${HEALTH_PORT ?? PORT}/health`), crashed])
  }
  const names = Object.keys(environments) as AppName[]
  names.forEach(start)
  stack.defer(async () => {
    isStopping = true
    await Promise.all([...running.values()].map((process) => process.stop()))
  })
  await Promise.all(names.map(healthy))
  const url = `http://127.0.0.1:${webPort}`
  const everything = stack.move()
  return {
    url,
    apiUrl,
    broker: nats ? 'nats' : 'postgres',
    origins: [postgres.origin, nats?.origin ?? 'no NATS to be had here: Postgres is the broker, too'],
    async restart(name) {
      await running.get(name)?.kill()
      start(name)
      await healthy(name)
    },
    crashed,
    stop: () => everything.disposeAsync(),
  }
}

/** Where NATS can't be had at all, the demo runs without it. */
function withoutNats(error: unknown): undefined {
  if (error instanceof ServerUnavailable) return undefined
  throw error
}

const startMs = 120_000

async function untilHealthy(url: string): Promise<void> {
  for (const until = Date.now() + startMs; ; ) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    if (Date.now() > until)
      throw new Error(`${url} did not get healthy within ${startMs / 1_000} s: ${await response?.text()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
