import type { Server } from './server.ts'
import { describeWays, type NotHere, ServerUnavailable } from './server-unavailable.ts'
import type { ServersEnvironment } from './servers-environment.ts'

/** One way to a server, or to several. `start` answers what is missing where the way is closed, and throws where it is broken. */
export interface Way<TServer extends object = Server> {
  readonly name: string
  readonly kind: 'container' | 'local'
  /** What to do when it is broken. */
  readonly whenBroken: string
  start(): Promise<TServer | NotHere>
}

export interface WaysToServer<TServer extends object = Server> {
  /** The server, for people: `NATS`. */
  readonly server: string
  /** The variable that may hold the address of one. */
  readonly address?: 'TEST_POSTGRES_URL' | 'TEST_NATS_URL'
  readonly ways: readonly Way<TServer>[]
}

/**
 * The server of the first way that is open. A broken way counts as closed, its error as the reason. With a forced way
 * the others are not tried, and the failure is a plain error, not `ServerUnavailable`: who forces a way must not have
 * tests skipped in silence.
 */
export async function firstWay<TServer extends object>(
  { server, address, ways }: WaysToServer<TServer>,
  { TEST_SERVERS: forced }: Pick<ServersEnvironment, 'TEST_SERVERS'> = {},
): Promise<TServer> {
  const tried = new Map<string, NotHere>()
  for (const way of ways.filter(({ kind }) => forced === undefined || kind === forced)) {
    const outcome = await (isForeign(way) ? foreign : way.start().catch((error: Error) => brokenWay(way, error)))
    if (!isNotHere(outcome)) return outcome
    tried.set(way.name, outcome)
  }
  if (forced === undefined) throw new ServerUnavailable(server, tried, address)
  throw new Error(`TEST_SERVERS=${forced} gives no ${server} server.\n${describeWays(tried)}\n- or unset TEST_SERVERS.`)
}

function isNotHere(outcome: object): outcome is NotHere {
  return 'because' in outcome
}

/** Signals that freeze and kill, and `/bin/sh`, are what servers of our own are led by. */
function isForeign({ kind }: Pick<Way, 'kind'>): boolean {
  return kind === 'local' && process.platform === 'win32'
}

const foreign: NotHere = {
  because: 'servers without a container need Linux or macOS',
  remedy: 'Start Docker, or use WSL 2',
}

function brokenWay({ whenBroken }: Pick<Way, 'whenBroken'>, { message }: Error): NotHere {
  return { because: message.trim().replace(/\.$/, ''), remedy: whenBroken }
}

/** The advice for a container that does not start. */
export function mendContainer(image: string): string {
  return `See that "docker run ${image}" works; if testcontainers cannot fetch its reaper, set TESTCONTAINERS_RYUK_DISABLED=true`
}
