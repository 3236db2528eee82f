import pg from 'pg'

/** What the watch needs of a `pg` pool's connection. Native ones have no stream, and are not watched. */
export interface ClientLike {
  readonly processID?: number
  /** False from a statement's start until its answer is complete. */
  readonly readyForQuery?: boolean
  readonly connection?: { readonly stream: StreamLike }
}

interface StreamLike {
  readonly bytesRead: number
  isPaused(): boolean
  destroy(error: Error): void
}

export interface SilenceWatch {
  add(client: ClientLike): void
  /** It is given back to the pool. Where its statement is not answered yet, no one waits for that any more. */
  release(client: ClientLike): void
  remove(client: ClientLike): void
}

const lookEveryMs = 2_500
/** An answer that takes longer, and of which nothing has come meanwhile, is asked after. */
const askAfterMs = 7_500
/** A server that answers neither a statement nor a new connection for so long is away. */
const awayAfterMs = 15_000
const answerMs = 5_000

/**
 * Closes connections on which an answer got lost, as behind a NAT that forgot them: their statements fail as an outage
 * (`ETIMEDOUT`), and the pool opens others. A statement may take as long as it likes while the server works on it: the watch
 * asks the server, on a connection of its own, what the silent ones are doing, and has it end transactions that no client ends. Behind a pooler it can't be asked: there only
 * a server that answers nothing at all is noticed, and a statement that the pool's `query_timeout` gave up.
 */
export function createSilenceWatch(config: pg.ClientConfig): SilenceWatch {
  const watched = new Map<ClientLike, Quiet>()
  let timer: NodeJS.Timeout | undefined
  let isAsking = false

  const look = async () => {
    const silent = [...watched].flatMap(([client, quiet]) => (quiet.lastsFor(askAfterMs) ? [client] : []))
    if (silent.length === 0 || isAsking) return
    isAsking = true
    const lost = await findLost(config, silent)
    isAsking = false
    for (const client of silent) {
      const quiet = watched.get(client)
      const isLost = quiet?.isAbandoned || (lost === 'away' ? quiet?.lastsFor(awayAfterMs) : lost.has(client))
      if (isLost && quiet?.lastsFor(askAfterMs)) client.connection?.stream.destroy(lostAnswer())
    }
  }

  return {
    add(client) {
      watched.set(client, createQuiet(client))
      timer ??= setInterval(() => void look(), lookEveryMs).unref()
    },
    release(client) {
      watched.get(client)?.abandon()
    },
    remove(client) {
      watched.delete(client)
      if (watched.size > 0) return
      clearInterval(timer)
      timer = undefined
    },
  }
}

interface Quiet {
  /** Whether a statement has waited for so long, and nothing was read meanwhile. */
  lastsFor(ms: number): boolean
  /** Says that no one waits for it any more. */
  abandon(): void
  readonly isAbandoned: boolean
}

function createQuiet(client: ClientLike): Quiet {
  let since = performance.now()
  let read = 0
  let isAbandoned = false
  return {
    get isAbandoned() {
      return isAbandoned
    },
    abandon() {
      isAbandoned ||= client.readyForQuery === false
    },
    lastsFor(ms) {
      const { stream } = client.connection ?? {}
      // A reader that pauses the stream is slow itself.
      const isQuiet = client.readyForQuery === false && stream?.bytesRead === read && !stream.isPaused()
      if (!isQuiet) {
        since = performance.now()
        isAbandoned = false
      }
      read = stream?.bytesRead ?? 0
      return performance.now() - since >= ms
    },
  }
}

/** Those that the server no longer works for: it has answered, or ended them. `away` where it does not answer. */
async function findLost(
  config: pg.ClientConfig,
  clients: readonly ClientLike[],
): Promise<ReadonlySet<ClientLike> | 'away'> {
  const nothing = new Set<ClientLike>()
  const probe = new pg.Client({
    ...config,
    // `pg` hides it from copies.
    ...(config.password !== undefined && { password: config.password }),
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
  })
  probe.on('error', () => {})
  try {
    await probe.connect()
    const { rows } = await probe.query<{ pid: number; own: number; isAnswered: boolean | null }>(whatTheyDo, [
      clients.map(({ processID }) => processID),
    ])
    // A pooler gives its clients numbers of its own.
    if (rows[0]?.own !== (probe as { readonly processID?: number }).processID) return nothing
    const answered = new Set(rows.flatMap(({ pid, isAnswered }) => (isAnswered ? [pid] : [])))
    return new Set(clients.filter(({ processID }) => answered.has(processID!)))
  } catch (error) {
    const isServersWord = /^[0-9A-Z]{5}$/.test(String((error as { code?: unknown }).code))
    return isServersWord ? nothing : 'away'
  } finally {
    // In good order where it answers, and at once where it does not.
    void probe.end().catch(() => {})
  }
}

/**
 * An answer that was sent a moment ago may still be on its way. One that the server can't get rid of is lost, too; what it
 * does for another role can't be seen. A transaction whose client is lost keeps its locks until the server notices, which
 * takes it hours by default: it is ended here, so that the worker that does its work again does not wait for it.
 */
const whatTheyDo = `
  select w.pid, pg_backend_pid() as own, a.pid is null
    or a.state like 'idle%' and clock_timestamp() - a.state_change > interval '2 seconds'
    or a.state = 'active' and a.wait_event = 'ClientWrite' as "isAnswered",
    case when a.usename = session_user and clock_timestamp() - a.state_change > interval '5 seconds'
      and (a.state like 'idle in transaction%' or a.state = 'active' and a.wait_event = 'ClientWrite')
      then pg_terminate_backend(a.pid) end as "isEnded"
  from unnest($1::int[]) as w(pid) left join pg_stat_activity as a on a.pid = w.pid`

function lostAnswer(): Error {
  return Object.assign(
    new Error('Postgres has answered or is away, and nothing of it has come on this connection: it was closed.'),
    { code: 'ETIMEDOUT' },
  )
}
