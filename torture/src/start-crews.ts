import type { ApiConfig } from './api.ts'
import { type Crew, type CrewRole, startCrew } from './crew.ts'
import { openLines } from './lines.ts'
import type { Options } from './options.ts'
import type { ProjectConfig } from './project.ts'
import type { RelayConfig } from './relay.ts'
import { openServerClock } from './server-clock.ts'
import type { Servers } from './start-servers.ts'

/** All crews of a run. */
export interface Crews extends AsyncDisposable {
  readonly all: readonly Crew[]
}

export interface CrewsOptions {
  readonly app: string
  readonly leaseTtlMs: number
  /** The folder for logs. */
  readonly folder: string
  /** The file that the handler's effects go to. */
  readonly effectsPath: string
  /** What the handler calls. */
  readonly webhookUrl: string
  /** Hears what relays log. */
  readonly hearRelay: (line: string) => void
  /** Hears what API processes log. */
  readonly hearApi: (line: string) => void
  readonly onCrash: (words: string) => void
}

const sizeOf: Record<CrewRole, number> = { relay: 3, stream: 3, project: 3, api: 2, purchase: 3 }
const maxPage = 1_000
const withoutIncarnation = new URL('./sabotage/without-incarnation.ts', import.meta.url).href

/** Which crews a run has. */
export function rolesOf({ withStream, withLive, withProcesses }: Options): readonly CrewRole[] {
  return [
    'relay',
    ...(withStream ? (['stream', 'project'] as const) : []),
    ...(withLive ? (['api'] as const) : []),
    ...(withProcesses ? (['purchase'] as const) : []),
  ]
}

/** Nobody takes over from a worker whose mistake is to go on with what it has in memory. */
function sizeIn(role: CrewRole, { sabotage }: Options): number {
  return sabotage === 'offset-not-compared' && role === 'project' ? 1 : sizeOf[role]
}

/** Starts each crew, behind proxies of its own. */
export async function startCrews(servers: Servers, options: Options, given: CrewsOptions): Promise<Crews> {
  const { app, leaseTtlMs, folder, effectsPath, webhookUrl, hearRelay, hearApi, onCrash } = given
  const { sabotage } = options
  await using stack = new AsyncDisposableStack()
  const all: Crew[] = []
  for (const role of rolesOf(options)) {
    const lines = stack.use(await openLines(servers, role))
    const config: RelayConfig & ProjectConfig & ApiConfig = {
      databaseUrl: lines.database.url,
      broker: servers.broker,
      brokerUrl: lines.broker.url,
      ...{ app, leaseTtlMs, maxPage, effectsPath, webhookUrl },
      ...(sabotage && { sabotage }),
    }
    const onLine = role === 'relay' ? hearRelay : role === 'api' ? hearApi : () => {}
    const clock = role === 'purchase' ? await openServerClock() : undefined
    if (clock) stack.use(clock)
    const preload = role === 'purchase' && sabotage === 'no-incarnation' ? withoutIncarnation : undefined
    const crew = startCrew(role, {
      size: sizeIn(role, options),
      ...{ lines, clock, preload, config, folder, onLine, onCrash },
    })
    stack.defer(() => crew.stop())
    all.push(crew)
  }
  const own = stack.move()
  return { all, [Symbol.asyncDispose]: () => own.disposeAsync() }
}
