import type { CrewRole } from './crew.ts'
import { createReplyThief, type ReplyThief } from './proxy/lose-replies.ts'
import { startTcpProxy, type TcpProxy } from './proxy/tcp-proxy.ts'
import type { Servers } from './start-servers.ts'

/** The way of a crew's connections: through proxies of its own, where they can be harmed. */
export interface Lines extends AsyncDisposable {
  readonly database: TcpProxy
  readonly broker: TcpProxy
  /** Takes the replies that put work into hands: who is frozen before one arrives wakes up as a zombie with work to do. */
  readonly inHand: ReplyThief
  /** Takes the replies after which only a commit is missing: who is killed before one arrives leaves it undone. */
  readonly almostDone?: ReplyThief
  /** Of consumers: sees the replies to their commits. */
  readonly commits?: ReplyThief
  readonly thieves: readonly ReplyThief[]
}

/** The statement whose reply puts work into the hands of each role. */
const inHandOf: Record<CrewRole, RegExp> = {
  relay: /assign_offsets/,
  stream: /from torture\.tint/,
  project: /from torture\.chain .* for update/,
  api: /pg_current_snapshot/,
  purchase: /from torture\.account .* for update|load_process/,
}

/** Opens a crew's way to the servers. */
export async function openLines(servers: Servers, role: CrewRole): Promise<Lines> {
  const { databaseUrl, consumerUrl, brokerUrl, broker } = servers
  await using stack = new AsyncDisposableStack()
  const inHand = createReplyThief(inHandOf[role])
  const commits = createReplyThief(/^commit\b/i, { needsRows: false })
  const appends = createReplyThief(/insert into commitcast_broker\.message/)
  const almostDone = createReplyThief(/commit_offset/)
  const isConsumer = role === 'project' || role === 'purchase'
  const onDatabase = isConsumer ? [inHand, almostDone, commits] : [inHand]
  const isAppending = role === 'relay' || role === 'stream'
  const onBroker = broker === 'postgres' && isAppending ? [appends] : []
  const open = async (url: string, thieves: readonly ReplyThief[]) =>
    stack.adopt(
      await startTcpProxy(url, {
        onLine(line) {
          for (const thief of thieves) thief.watch(line)
        },
      }),
      (proxy) => proxy.close(),
    )
  const own = isConsumer ? consumerUrl : databaseUrl
  const proxies = { database: await open(own, onDatabase), broker: await open(brokerUrl, onBroker) }
  const all = stack.move()
  return {
    ...proxies,
    inHand,
    ...(isConsumer && { almostDone, commits }),
    thieves: [...onDatabase, ...onBroker],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
