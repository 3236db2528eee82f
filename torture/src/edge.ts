import { sleep } from '@commitcast/worker'
import { type Child, type ChildOptions, startChild } from './child.ts'
import type { ClientsConfig, ClientsFound, ClientsStanding } from './clients.ts'
import { type Balancer, startBalancer } from './proxy/balancer.ts'
import { createRandom } from './random.ts'

/** What stands behind the API processes: a balancer, and processes of clients. */
export interface Edge extends AsyncDisposable {
  readonly balancer: Balancer
  readonly clients: readonly Child[]
  /** Hears what API processes log: where they listen. */
  hear(line: string): void
  /** Starts the clients. Resolves when all are live. */
  open(options: EdgeOptions): Promise<void>
  /** What the clients found, when nobody writes any more: as soon as nothing is missing, or nothing more has come for `patienceMs`. */
  check(patienceMs: number): Promise<ClientsFound>
}

interface EdgeOptions extends Pick<ChildOptions, 'folder' | 'onCrash'> {
  readonly databaseUrl: string
  readonly seed: number
}

const processes = 4
const askMs = 30_000
const startMs = 90_000
const longestMs = 90_000

export async function startEdge(): Promise<Edge> {
  await using stack = new AsyncDisposableStack()
  const balancer = stack.use(await startBalancer())
  const clients: Child[] = []
  stack.defer(async () => void (await Promise.all(clients.map((child) => child.stop()))))
  const calming = new AbortController()
  stack.defer(() => calming.abort())
  const all = <TAnswer>(question: string) => Promise.all(clients.map((child) => child.ask<TAnswer>(question, askMs)))
  const own = stack.move()
  return {
    balancer,
    clients,
    hear(line) {
      const port = portIn(line)
      if (port !== undefined) balancer.add(port)
    },
    async open({ databaseUrl, seed, folder, onCrash }) {
      for (let number = 0; number < processes; number++) {
        const config: ClientsConfig = { databaseUrl, url: balancer.url, slowUrl: balancer.slowUrl, seed, number }
        clients.push(startChild('clients', { name: `clients-${number}`, config, folder, onCrash }))
      }
      for (const until = Date.now() + startMs; ; await sleep(100)) {
        const standing = await all<ClientsStanding>('standing')
        if (standing.every(({ live, clients }) => live === clients)) break
        if (Date.now() > until) throw new Error(`Not all clients came to live: ${JSON.stringify(standing)}.`)
      }
      void slowDown(balancer, createRandom(seed, 7_000).int, calming.signal)
    },
    async check(patienceMs) {
      calming.abort()
      await all('calm')
      const end = Date.now() + longestMs
      let fewest = Number.POSITIVE_INFINITY
      for (let movedAt = Date.now(); ; await sleep(500)) {
        const found = sumOf(await all<ClientsFound>('check'))
        if (found.lost < fewest) movedAt = Date.now()
        fewest = Math.min(fewest, found.lost)
        if (found.lost === 0 || Date.now() > Math.min(end, movedAt + patienceMs)) return found
      }
    },
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  }
}

/** Slow clients take nothing for longer than the network buffers, then for a while what there is. */
async function slowDown(
  { slowLines }: Balancer,
  int: (low: number, high: number) => number,
  signal: AbortSignal,
): Promise<void> {
  const stall = (isStalled: boolean) => {
    for (const line of slowLines) line.stall(isStalled)
  }
  while (!signal.aborted) {
    stall(true)
    await sleep(int(10_000, 13_000), signal)
    stall(false)
    await sleep(int(6_000, 9_000), signal)
  }
}

function sumOf(all: readonly ClientsFound[]): ClientsFound {
  const sum = (of: (found: ClientsFound) => number) => all.reduce((total, found) => total + of(found), 0)
  return {
    clients: sum(({ clients }) => clients),
    live: sum(({ live }) => live),
    events: sum(({ events }) => events),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    resyncs: sum(({ resyncs }) => resyncs),
    newEpochs: sum(({ newEpochs }) => newEpochs),
    failovers: sum(({ failovers }) => failovers),
    reconnects: sum(({ reconnects }) => reconnects),
    silent: sum(({ silent }) => silent),
    examples: all.flatMap(({ examples }) => examples),
  }
}

/** Where an API process says that it listens. */
function portIn(line: string): number | undefined {
  try {
    const { msg, port } = JSON.parse(line) as { msg?: unknown; port?: unknown }
    return msg === 'listening' && typeof port === 'number' ? port : undefined
  } catch {
    return undefined
  }
}
