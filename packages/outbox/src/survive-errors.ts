/** What we need of a `pg` pool. */
export interface PoolLike {
  on(event: 'error', listener: (error: Error) => void): unknown
  on(
    event: 'connect',
    listener: (client: { on(event: 'error', listener: (error: Error) => void): unknown }) => void,
  ): unknown
}

/**
 * Keeps a lost connection from ending the process. `pg` emits it as an event of the pool, or, while the connection is in
 * use between two statements of a transaction, of the client, and an `error` event that nobody listens to is thrown. The
 * statement that was running, or the next one, fails all the same. Call it once, before the pool is used; returns the pool.
 */
export function surviveErrors<TPool extends PoolLike>(pool: TPool, onError: (error: Error) => void = () => {}): TPool {
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}
