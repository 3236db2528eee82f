import { surviveErrors } from '@commitcast/outbox'
import pg from 'pg'

/** A pool that survives the end of its connections, as in production. */
export function openPool(connectionString: string, options: pg.PoolConfig = {}): pg.Pool {
  return surviveErrors(new pg.Pool({ connectionString, max: 16, ...options }))
}
