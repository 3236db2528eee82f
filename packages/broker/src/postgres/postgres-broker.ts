import { checkSchemaName } from '@commitcast/worker'
import pg from 'pg'
import type { Broker, TopicOptions } from '../broker.ts'
import { checkOwner } from '../check-owner.ts'
import { BrokerUnavailable } from '../errors.ts'
import { createAskPool } from './ask-pool.ts'
import { checkPostgresAddress } from './postgres-address.ts'
import { createEar } from './postgres-ear.ts'
import { createHints } from './postgres-hints.ts'
import { bindTopic, readOwner } from './postgres-owner.ts'
import { createTopic } from './postgres-topic.ts'
import { processWarnings, type WarningLog } from './postgres-trim.ts'
import { asTrouble } from './postgres-trouble.ts'
import { createWatch, type Watch } from './postgres-watch.ts'

export { checkPostgresAddress } from './postgres-address.ts'
export { type ListenerOptions, listenOn } from './postgres-listener.ts'
export { createReadCommitted, defaultIsolationSql } from './read-committed.ts'

export interface PostgresBrokerOptions {
  /** Where the logs are kept: the application's own database or another one. */
  readonly connectionString: string
  /** Default `commitcast_broker`. */
  readonly schema?: string
  /**
   * Whether readers are woken by LISTEN, which needs a direct connection; behind a pooler in transaction mode say no, and
   * there are no hints. Default yes.
   */
  readonly listen?: boolean
  /** How often waiting readers look anyway, all with one query. Default 5,000 with LISTEN, 50 without. */
  readonly pollMs?: number
  /** How long messages are kept; the newest of a partition always is, in every epoch. Default 7 days; `Infinity` keeps them. */
  readonly maxAgeMs?: number
  /** Where warnings go. Default: the process's own (`process.emitWarning`). */
  readonly logger?: WarningLog
  /** The most connections at once. Default 10. */
  readonly maxConnections?: number
}

const weekMs = 7 * 24 * 3_600_000
/** How long a connect and a statement may take. A connection on which one takes longer is closed. */
const connectMs = 10_000
const answerMs = 15_000

/**
 * Postgres as a broker, for days on which no other server is wanted: rows with the key (topic, epoch, partition, offset),
 * appended by comparing with the row before. Durable before an append resolves.
 *
 * Throws `InvalidAddress`, and `RangeError` for a schema name that can't be used.
 */
export function postgresBroker(options: PostgresBrokerOptions): Broker {
  const {
    connectionString,
    schema = 'commitcast_broker',
    listen = true,
    maxAgeMs = weekMs,
    maxConnections = 10,
    logger = processWarnings,
  } = options
  checkPostgresAddress(connectionString)
  checkSchemaName(schema, 'commitcast_broker')
  const pool = new pg.Pool({
    connectionString,
    max: maxConnections,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
  })
  pool.on('error', () => {})
  // While the pool ends it listens to its connections no more, and an `error` event without a listener is thrown.
  pool.on('connect', (client) => client.on('error', () => {}))
  const ask = createAskPool(pool)
  const closing = new AbortController()
  let opening: Promise<void> | undefined
  let ending: Promise<void> | undefined
  const asking = new Set<Promise<unknown>>()
  const ear = listen ? createEar({ connectionString, schema, signal: closing.signal }) : undefined
  const watch: Watch = createWatch({
    pool,
    schema,
    signal: closing.signal,
    pollMs: options.pollMs ?? (listen ? 5_000 : 50),
    ear,
  })

  const checkOpen = () => {
    if (closing.signal.aborted) throw new BrokerUnavailable('This Postgres broker was closed.')
  }
  const query = async <TRow extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) => {
    checkOpen()
    const answer = ask<TRow>(text, values)
    asking.add(answer)
    try {
      return await answer
    } catch (error) {
      throw asTrouble(error)
    } finally {
      asking.delete(answer)
    }
  }

  const make = () => {
    opening ??= query(tables(schema))
      .then(() => {})
      .catch((error) => {
        opening = undefined
        throw error
      })
    return opening
  }
  const open = (topic: TopicOptions) =>
    createTopic({ topic, schema, query, watch, closed: closing.signal, maxAgeMs, logger })

  return {
    name: 'postgres',
    traits: { durable: true },
    ...(ear && { hints: createHints({ ear, schema, query, closed: closing.signal }) }),
    async topic(topic) {
      checkOpen()
      await make()
      await bindTopic(query, schema, topic)
      return open(topic)
    },
    async find(topic) {
      if (!(await isThere(query, schema, topic))) return undefined
      checkOwner(topic, await readOwner(query, schema, topic))
      return open(topic)
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

/** A topic is its rows: one without any is not there. */
async function isThere(query: Query, schema: string, { name, epoch }: TopicOptions): Promise<boolean> {
  const table = await query<{ made: boolean }>('select to_regclass($1) is not null as made', [`${schema}.message`])
  if (!table.rows[0]?.made) return false
  const { rows } = await query<{ found: boolean }>(
    `select exists (select from ${schema}.message where topic = $1 and epoch = $2) as found`,
    [name, epoch],
  )
  return rows[0]?.found ?? false
}

function tables(s: string): string {
  return `
    do $tables$ begin
    perform pg_advisory_xact_lock(hashtextextended('${s}', 0));
    -- IF NOT EXISTS would ask for the right to create even where nothing is created.
    if to_regnamespace('${s}') is null then create schema ${s}; end if;
    if to_regclass('${s}.message') is null then
      create table ${s}.message (
        topic text not null, epoch int not null, partition int not null, "offset" bigint not null,
        id text not null, type text not null, key text not null, time text not null, tx text not null,
        headers json not null, body text not null, stored_at timestamptz not null default clock_timestamp(),
        primary key (topic, epoch, partition, "offset"));
    end if;
    if to_regclass('${s}.owner') is null then
      create table ${s}.owner (topic text, epoch int, id text not null, name text not null, primary key (topic, epoch));
    end if;
    end $tables$`
}
