import type { Broker, Topic } from '@commitcast/broker'
import type { Sql } from '@commitcast/worker'
import type pg from 'pg'
import type { Sabotage } from '../options.ts'
import type { RelayConfig } from '../relay.ts'
import { fireOutsideTransaction } from './fire-outside-transaction.ts'
import { publishBeforePage } from './publish-before-page.ts'
import { trustLastOffset } from './trust-last-offset.ts'
import { unfencedAppend } from './unfenced-append.ts'

interface Real {
  readonly sql: Sql
  readonly broker: Broker
  readonly pool: pg.Pool
  readonly config: RelayConfig
}

/** What a relay is handed instead, so that it goes without one of its mechanisms. */
export function sabotageRelay(sabotage: Sabotage, { sql, broker, pool, config }: Real): { sql: Sql; broker: Broker } {
  if (sabotage === 'publish-before-page') return { sql: publishBeforePage(pool, sql), broker }
  if (sabotage === 'fire-outside-transaction') return { sql: fireOutsideTransaction(pool, sql), broker }
  if (sabotage === 'no-fencing') return { sql, broker: withTopics(broker, (topic) => unfencedAppend(topic, config)) }
  if (sabotage === 'trust-last-offset') return { sql, broker: withTopics(broker, trustLastOffset) }
  return { sql, broker }
}

function withTopics(broker: Broker, change: (topic: Topic) => Topic | Promise<Topic>): Broker {
  return { ...broker, topic: async (options) => change(await broker.topic(options)) }
}
