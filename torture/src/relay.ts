import type { Broker } from '@commitcast/broker'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { runRelay } from '@commitcast/outbox'
import { runProcess, type Sql } from '@commitcast/worker'
import pg from 'pg'
import type { BrokerName, Sabotage } from './options.ts'
import { sabotageRelay } from './sabotage/sabotage-relay.ts'

/** What a relay process is given. Its connections go through proxies. */
export interface RelayConfig {
  readonly databaseUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
  readonly app: string
  readonly leaseTtlMs: number
  readonly maxPage: number
  readonly sabotage?: Sabotage
}

await runProcess('relay', async ({ signal, logger }) => {
  const config = JSON.parse(process.argv[2] ?? '{}') as RelayConfig
  const pool = new pg.Pool({
    connectionString: config.databaseUrl,
    application_name: `torture-relay-${process.pid}`,
    max: 6,
  })
  pool.on('error', () => {})
  const real = { sql: sqlOf(pool), broker: openBroker(config) }
  const { sql, broker } =
    config.sabotage === undefined ? real : sabotageRelay(config.sabotage, { ...real, pool, config })
  const { app, leaseTtlMs, maxPage } = config
  const listenTo = config.databaseUrl
  const given = { app, leaseTtlMs, maxPage, lostTailMs: 500, listenTo }
  await runRelay({ ...given, sql, broker, schema: 'commitcast', signal, logger }).done
  await broker.close()
  await pool.end()
})

function openBroker({ broker, brokerUrl }: RelayConfig): Broker {
  if (broker === 'postgres') return postgresBroker({ connectionString: brokerUrl })
  return natsBroker({ servers: brokerUrl, timeoutMs: 2_000 })
}

function sqlOf(pool: pg.Pool): Sql {
  return {
    async query<TRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = await pool.query(text, [...values])
      return rows as TRow[]
    },
  }
}
