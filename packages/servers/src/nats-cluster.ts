import { connect, type JetStreamManager, type NatsConnection, nanos } from 'nats'
import type { Server } from './server.ts'
import { becomes } from './waits.ts'

/** Three NATS servers that keep copies of each other's streams. */
export interface NatsCluster extends AsyncDisposable {
  /** The addresses of all nodes, as a client takes them. */
  readonly urls: readonly string[]
  /** What it is and where it came from, for people. */
  readonly origin: string
  /** Each is a server of its own: it can be killed, frozen and started again with its data. */
  readonly nodes: readonly Server[]
  /** The node that leads a stream. Waits up to 60 s for one. */
  leaderOf(stream: string): Promise<Server>
  /** Makes the leader of a stream give up. Resolves when it has agreed; a new one takes a moment. */
  stepDown(stream: string): Promise<void>
  /** Resolves when all copies of a stream are there and up to date, within 60 s. */
  isWhole(stream: string): Promise<void>
  /** Ends all nodes and removes their data. Calling it twice is fine. */
  stop(): Promise<void>
}

const patienceMs = 60_000

/** Makes a `NatsCluster` of running nodes, keyed by the names they go by; resolves when it can keep three copies. */
export async function natsCluster(nodes: ReadonlyMap<string, Server>): Promise<NatsCluster> {
  const servers = [...nodes.values()]
  const urls = servers.map(({ url }) => url)
  const ask = <T>(question: (jsm: JetStreamManager, nc: NatsConnection) => Promise<T>) => asked(urls, question)
  const leading = (stream: string) =>
    ask(async (jsm) => nodes.get((await jsm.streams.info(stream)).cluster?.leader ?? '') ?? noLeader(stream))

  await ask(async (jsm) => {
    await jsm.streams.add({ name: 'probe', subjects: ['probe'], num_replicas: servers.length, max_age: nanos(60_000) })
    await jsm.streams.delete('probe')
  })
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  return {
    urls,
    origin: `cluster of ${servers.length}, each ${servers[0]?.origin}`,
    nodes: servers,
    leaderOf: leading,
    stepDown: (stream) =>
      ask(async (_jsm, nc) => {
        const answer = await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, '', { timeout: 2_000 })
        const { success, error } = answer.json<{ success?: boolean; error?: { description: string } }>()
        if (success !== true) throw new Error(`The leader of ${stream} stays: ${error?.description}`)
      }),
    isWhole: (stream) =>
      ask(async (jsm) => {
        const { leader, replicas = [] } = (await jsm.streams.info(stream)).cluster ?? {}
        const current = replicas.filter((replica) => replica.current && !replica.offline).length
        if (leader && current === servers.length - 1) return
        throw new Error(`${stream} has ${current} of ${servers.length - 1} copies beside its leader up to date`)
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function noLeader(stream: string): never {
  throw new Error(`${stream} has no leader`)
}

/** Asks on a connection of its own until there is an answer: while nodes come and go there may be none. */
async function asked<T>(
  urls: readonly string[],
  question: (jsm: JetStreamManager, nc: NatsConnection) => Promise<T>,
): Promise<T> {
  let outcome: { readonly answer: T } | undefined
  let refusal: unknown
  const answers = async (): Promise<boolean> => {
    let nc: NatsConnection | undefined
    try {
      nc = await connect({ servers: urls.map((url) => new URL(url).host), timeout: 2_000, reconnect: false })
      const jsm = await nc.jetstreamManager({ timeout: 2_000, checkAPI: false })
      outcome = { answer: await question(jsm, nc) }
      return true
    } catch (error) {
      refusal = error
      return false
    } finally {
      await nc?.close()
    }
  }
  await becomes(answers, patienceMs)
  if (outcome !== undefined) return outcome.answer
  throw new Error(`The NATS cluster did not answer within ${patienceMs / 1000} s: ${String(refusal)}`, {
    cause: refusal,
  })
}
