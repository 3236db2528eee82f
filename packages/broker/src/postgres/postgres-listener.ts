import { sleep } from '@commitcast/worker'
import pg from 'pg'

export interface ListenerOptions {
  /** A direct connection: a pooler in transaction mode loses LISTEN. */
  readonly connectionString: string
  /** An SQL identifier. */
  readonly channel: string
  readonly signal: AbortSignal
  onNotify(payload: string): void
  /** Called at each connect: what was notified before may be lost. */
  onOpen(): void
  /** Called once per outage. */
  onError?(error: unknown): void
}

/**
 * How often the server is asked for a sign of life. A NAT or a proxy may forget a quiet connection without a word, and this
 * is one that only waits.
 */
const askEveryMs = 10_000
/** How long a connect, a LISTEN and a sign of life may take. With `askEveryMs` a dead connection is found within 15 s. */
const answerMs = 5_000

/**
 * Keeps one connection that listens, and opens another where it breaks or the server gives no sign of life. Resolves when
 * the signal aborts.
 */
export async function listenOn({ connectionString, channel, signal, ...on }: ListenerOptions): Promise<void> {
  let isOutage = false
  while (!signal.aborted) {
    const client = new pg.Client({
      connectionString,
      keepAlive: true,
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    })
    const lost = lossOf(client)
    client.on('notification', ({ payload = '' }) => on.onNotify(payload))
    try {
      await client.connect()
      // It waits for hours: what a role or a database sets for idle sessions is not meant for it. Postgres 13 has no such limit.
      await client.query(
        `select set_config('idle_session_timeout', '0', false) where current_setting('idle_session_timeout', true) is not null`,
      )
      await client.query(`listen ${channel}`)
      isOutage = false
      on.onOpen()
      await watchLife(client, AbortSignal.any([signal, lost]))
    } catch (error) {
      if (!isOutage && !signal.aborted) on.onError?.(error)
      isOutage = true
    }
    await close(client)
    await sleep(100 + Math.random() * 900, signal)
  }
}

function lossOf(client: pg.Client): AbortSignal {
  const lost = new AbortController()
  client.on('error', () => lost.abort())
  client.on('end', () => lost.abort())
  return lost.signal
}

/** Resolves when the signal aborts; throws where the server does not answer. */
async function watchLife(client: pg.Client, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await sleep(askEveryMs, ended)
    if (!ended.aborted) await client.query('select')
  }
}

/** In good order where the other side still answers. */
async function close(client: pg.Client): Promise<void> {
  const ended = new AbortController()
  void client
    .end()
    .catch(() => {})
    .finally(() => ended.abort())
  await sleep(1_000, ended.signal)
  client.connection.stream.destroy()
}
