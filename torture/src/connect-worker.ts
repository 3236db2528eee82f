import type { Broker } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { sqlOf, surviveErrors } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { CrewRole } from './crew.ts'
import type { BrokerName, Sabotage } from './options.ts'

/** What each process of a crew is given. Its connections go through proxies. */
export interface WorkerConfig {
  readonly databaseUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
  readonly app: string
  readonly leaseTtlMs: number
  readonly sabotage?: Sabotage
}

/** What a worker speaks to the database and the broker with. */
export interface WorkerConnections {
  readonly pool: pg.Pool
  readonly db: Kysely<Record<string, never>>
  readonly sql: Sql
  readonly broker: Broker
  close(): Promise<void>
}

/** Connects a process of a crew, by whose role its connections are known. */
export function connectWorker(role: CrewRole, { databaseUrl, broker, brokerUrl }: WorkerConfig): WorkerConnections {
  const pool = surviveErrors(
    new pg.Pool({
      connectionString: databaseUrl,
      application_name: `torture-${role}-${process.pid}`,
      max: role === 'project' || role === 'purchase' ? 14 : 6,
    }),
  )
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  const opened = openBroker({ broker, brokerUrl })
  return {
    pool,
    db,
    sql: sqlOf(db),
    broker: opened,
    async close() {
      await opened.close()
      await db.destroy()
    },
  }
}

/** Opens the broker's adapter. */
export function openBroker({ broker, brokerUrl }: Pick<WorkerConfig, 'broker' | 'brokerUrl'>): Broker {
  return broker === 'postgres'
    ? postgresBroker({ connectionString: brokerUrl })
    : natsBroker({ servers: brokerUrl, timeoutMs: 2_000 })
}

/** Statements over one client. */
export function onClient(client: pg.ClientBase): Sql {
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = await client.query(text, [...values])
      return rows as TRow[]
    },
  }
}
