import { checkSchemaName, type Logger, warningLogger } from '@commitcast/worker'
import pg from 'pg'
import type { Broker, TopicOptions } from '../broker.ts'
import { checkOwner } from '../check-owner.ts'
import { createAskPool } from './ask-pool.ts'
import { checkPostgresAddress } from './postgres-address.ts'
import { createHints } from './postgres-hints.ts'
import { createNotifications } from './postgres-notifications.ts'
import { bindTopic, readOwner } from './postgres-owner.ts'
import { createQueries } from './postgres-query.ts'
import { createTables, topicExists } from './postgres-tables.ts'
import { createTopic } from './postgres-topic.ts'
import { createWatch } from './postgres-watch.ts'

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
  /** Where warnings go. Default: JSON lines on standard error. */
  readonly logger?: Pick<Logger, 'warn'>
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
    logger = warningLogger,
  } = options
  checkPostgresAddress(connectionString)
  checkSchemaName(schema, 'commitcast_broker')
  const pool = openPool(connectionString, maxConnections)
  const closing = new AbortController()
  const { signal: closed } = closing
  const { query, checkOpen, settled } = createQueries(createAskPool(pool), closed)
  const notifications = listen ? createNotifications({ connectionString, schema, signal: closed }) : undefined
  const { pollMs = listen ? 5_000 : 50 } = options
  const watch = createWatch({ pool, schema, signal: closed, pollMs, notifications })
  const makeTables = createTables(query, schema)
  const open = (topic: TopicOptions) => createTopic({ topic, schema, query, watch, closed, maxAgeMs, logger })
  let ending: Promise<void> | undefined

  return {
    name: 'postgres',
    traits: { durable: true },
    ...(notifications && { hints: createHints({ notifications, schema, query, closed }) }),
    async topic(topic) {
      checkOpen()
      await makeTables()
      await bindTopic(query, schema, topic)
      return open(topic)
    },
    async find(topic) {
      if (!(await topicExists(query, schema, topic))) return undefined
      checkOwner(topic, await readOwner(query, schema, topic))
      return open(topic)
    },
    async close() {
      closing.abort()
      ending ??= settled().then(() => pool.end())
      await ending
    },
  }
}

function openPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
  })
  pool.on('error', () => {})
  // While the pool ends it listens to its connections no more, and an `error` event without a listener is thrown.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
