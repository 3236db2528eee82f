import pg from 'pg'
import type { Broker, Topic } from '../broker.ts'
import { BrokerUnavailable } from '../errors.ts'
import { createTopic } from './postgres-topic.ts'
import { createWatch, type Watch } from './postgres-watch.ts'

export interface PostgresBrokerOptions {
  /** Where the logs are kept: the application's own database or another one. */
  readonly connectionString: string
  /** Default `commitcast_broker`. */
  readonly schema?: string
  /** Whether readers are woken by LISTEN, which needs a direct connection; behind a pooler in transaction mode say no. Default yes. */
  readonly listen?: boolean
  /** How often waiting readers look anyway, all with one query. Default 1,000 with LISTEN, 50 without. */
  readonly pollMs?: number
  /** How long messages are kept; the newest of a partition always is. Default 7 days. */
  readonly maxAgeMs?: number
  /** The most connections at once. Default 10. */
  readonly maxConnections?: number
}

const weekMs = 7 * 24 * 3_600_000

/**
 * Postgres as a broker, for days on which no other server is wanted: rows with the key (topic, epoch, partition, offset),
 * appended by comparing with the row before. Durable before an append resolves.
 */
export function postgresBroker(options: PostgresBrokerOptions): Broker {
  const {
    connectionString,
    schema = 'commitcast_broker',
    listen = true,
    maxAgeMs = weekMs,
    maxConnections = 10,
  } = options
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new RangeError(
      `The schema name ${JSON.stringify(schema)} can't be used: take lower-case letters, digits and "_".`,
    )
  }
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
  })
  pool.on('error', () => {})
  const closing = new AbortController()
  let opening: Promise<void> | undefined
  let ending: Promise<void> | undefined
  const asking = new Set<Promise<unknown>>()
  const watch: Watch = createWatch({
    pool,
    schema,
    signal: closing.signal,
    pollMs: options.pollMs ?? (listen ? 1_000 : 50),
    ...(listen && { listenTo: connectionString }),
  })

  const query = async <TRow extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) => {
    if (closing.signal.aborted) throw new BrokerUnavailable('This Postgres broker was closed.')
    const answer = pool.query<TRow>(text, [...values])
    asking.add(answer)
    try {
      return await answer
    } catch (error) {
      if (isRefusal(error)) throw error
      throw new BrokerUnavailable(`Postgres did not answer as a broker: ${String(error)}.`, { cause: error })
    } finally {
      asking.delete(answer)
    }
  }

  return {
    name: 'postgres',
    async topic(topic): Promise<Topic> {
      opening ??= query(tables(schema))
        .then(() => {})
        .catch((error) => {
          opening = undefined
          throw error
        })
      await opening
      return createTopic({ topic, schema, query, watch, closed: closing.signal, maxAgeMs })
    },
    async close() {
      closing.abort()
      ending ??= Promise.allSettled(asking).then(() => pool.end())
      await ending
    },
  }
}

export type Query = <TRow extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<pg.QueryResult<TRow>>

/** An answer, if a bad one, as against an outage: constraint violations and errors in what was sent. */
function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && /^(22|23|42)/.test(code)
}

function tables(s: string): string {
  return `
    select pg_advisory_xact_lock(hashtextextended('${s}', 0));
    create schema if not exists ${s};
    create table if not exists ${s}.message (
      topic text not null, epoch int not null, partition int not null, "offset" bigint not null,
      id text not null, type text not null, key text not null, time text not null, tx text not null,
      headers json not null, body text not null, stored_at timestamptz not null default clock_timestamp(),
      primary key (topic, epoch, partition, "offset"));`
}
