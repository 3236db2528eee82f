import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { sleep } from '@commitcast/worker'
import { joinSockets, type Line } from './line.ts'

/** What stands before several API processes: a client is given one of those that say that they are ready. */
export interface Balancer extends AsyncDisposable {
  /** Where clients connect. */
  readonly url: string
  /** The same for clients that take what they are sent in fits and starts. */
  readonly slowUrl: string
  /** The open connections. */
  readonly lines: ReadonlySet<Line>
  /** Those of slow clients. */
  readonly slowLines: ReadonlySet<Line>
  /** Knows of one more process from now on. It is forgotten when nobody listens there any more. */
  add(port: number): void
}

interface Node {
  readonly port: number
  isReady: boolean
}

const lookMs = 150
const lookTimeoutMs = 500
/** How long a client is kept waiting for a process that is ready. */
const patienceMs = 5_000

/** Asks each process for its health all the time, and spreads connections evenly over those that are well. */
export async function startBalancer(): Promise<Balancer> {
  await using stack = new AsyncDisposableStack()
  const closing = new AbortController()
  stack.defer(() => closing.abort())
  const nodes = new Map<number, Node>()
  const connectSome = createSpread(nodes)
  const [lines, slowLines] = [new Set<Line>(), new Set<Line>()]

  const serve = async (sets: readonly Set<Line>[]) => {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => void place(client, sets))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stack.defer(() => void server.close())
    return urlOf(server)
  }
  const place = async (client: Socket, sets: readonly Set<Line>[]) => {
    client.on('error', () => {})
    const server = await serverFor(client, connectSome, closing.signal)
    if (!server || client.destroyed) {
      server?.destroy()
      client.destroy()
      return
    }
    const line = joinSockets(client, server, (gone) => {
      for (const set of sets) set.delete(gone)
    })
    for (const set of sets) set.add(line)
    client.resume()
  }

  const url = await serve([lines])
  const slowUrl = await serve([lines, slowLines])
  stack.defer(() => {
    for (const line of lines) line.cut()
  })
  const own = stack.move()
  return {
    url,
    slowUrl,
    lines,
    slowLines,
    add(port) {
      const node = { port, isReady: false }
      nodes.set(port, node)
      void watch(node, closing.signal).then(() => {
        if (nodes.get(port) === node) nodes.delete(port)
      })
    },
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  }
}

/** Looks at a process until it is gone. One that is frozen answers nothing, and may come back. */
async function watch(node: Node, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const health = await look(node.port)
    if (health === 'gone') return
    node.isReady = health === 'ready'
    await sleep(lookMs, signal)
  }
}

async function look(port: number): Promise<'ready' | 'busy' | 'gone'> {
  try {
    const timeout = AbortSignal.timeout(lookTimeoutMs)
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: timeout })
    await response.body?.cancel()
    return response.ok ? 'ready' : 'busy'
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } }
    return cause?.code === 'ECONNREFUSED' ? 'gone' : 'busy'
  }
}

/** Connects to one of the processes that are ready, by turns; `undefined` where that does not succeed. */
function createSpread(nodes: ReadonlyMap<number, Node>): () => Promise<Socket | undefined> {
  let turn = 0
  return async () => {
    const ready = [...nodes.values()].filter(({ isReady }) => isReady)
    const node = ready[turn++ % ready.length]
    const server = node && (await connected(node.port))
    if (node && !server) node.isReady = false
    return server
  }
}

/** `undefined` when the client has gone, or waited in vain. */
async function serverFor(client: Socket, connectSome: () => Promise<Socket | undefined>, signal: AbortSignal) {
  for (const until = Date.now() + patienceMs; Date.now() < until && !signal.aborted && !client.destroyed; ) {
    const server = await connectSome()
    if (server) return server
    await sleep(lookMs / 3, signal)
  }
  return undefined
}

function connected(port: number): Promise<Socket | undefined> {
  const server = connect({ host: '127.0.0.1', port, noDelay: true })
  return new Promise((resolve) => {
    server.once('connect', () => resolve(server)).once('error', () => resolve(undefined))
  })
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
