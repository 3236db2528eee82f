import type pg from 'pg'
import { type ClientLike, createSilenceWatch } from './silent-connections.ts'

/** What we need of a `pg` pool. */
export interface PoolLike {
  readonly options?: object
  on(event: 'error', listener: (error: Error) => void): unknown
  on(
    event: 'connect' | 'remove',
    listener: (client: { on(event: 'error', listener: (error: Error) => void): unknown }) => void,
  ): unknown
  on(event: 'release', listener: (error: Error, client: object) => void): unknown
}

/** What a pool gets that says nothing else. */
const defaults = {
  // A NAT does not forget what is in use, and an idle connection that is lost is noticed.
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  // Also how long a statement waits for a free connection.
  connectionTimeoutMillis: 20_000,
}

/**
 * Keeps a connection that is lost from ending the process, or from holding up what uses it. Call it once, before the pool is
 * used; returns the pool.
 *
 * `pg` emits a lost connection as an event of the pool, or, while the connection is in use between two statements of a
 * transaction, of the client, and an `error` event without a listener is thrown. The statement that was running, or the
 * next one, fails all the same.
 *
 * A connection may also fall silent: a NAT forgets it, and no error comes. It is closed within 25 s, and its statement fails
 * with the code `ETIMEDOUT`. Statements that the server still works on, or that wait for a lock, continue for as long as they
 * take; to ask the server, the pool opens a connection more, for a moment. A pooler can't be asked: behind one give the pool
 * a `query_timeout`, longer than your longest statement.
 *
 * `onError` gets each of these errors, ready to be logged: `client`, which `pg` adds, is not enumerable there, because it holds the
 * connection's secret key.
 *
 * Where the pool's options say nothing else it also sets `keepAlive`, with the first probe after 10 s, and
 * `connectionTimeoutMillis`, to 20 s.
 */
export function surviveErrors<TPool extends PoolLike>(pool: TPool, onError: (error: Error) => void = () => {}): TPool {
  const options: pg.ClientConfig = pool.options ?? {}
  for (const [name, value] of Object.entries(defaults)) {
    if (options[name as keyof typeof defaults] === undefined) Object.assign(options, { [name]: value })
  }
  const watch = createSilenceWatch(options)
  const report = (error: Error) => onError(withHiddenClient(error))
  pool.on('error', report)
  pool.on('connect', (client) => {
    client.on('error', report)
    watch.add(client as ClientLike)
  })
  pool.on('release', (_, client) => watch.release(client as ClientLike))
  pool.on('remove', (client) => watch.remove(client as ClientLike))
  return pool
}

function withHiddenClient(error: Error): Error {
  return 'client' in error ? Object.defineProperty(error, 'client', { enumerable: false }) : error
}
