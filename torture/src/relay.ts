import { runRelay } from '@commitcast/outbox'
import { runProcess } from 'commitcast/process'
import { connectWorker, type WorkerConfig } from './connect-worker.ts'
import { sabotageRelay } from './sabotage/sabotage-relay.ts'

/** What a relay process is given. */
export interface RelayConfig extends WorkerConfig {
  readonly maxPage: number
}

await runProcess('relay', async ({ signal, logger }) => {
  const config = JSON.parse(process.argv[2] ?? '{}') as RelayConfig
  const real = connectWorker('relay', config)
  const { sql, broker } = config.sabotage === undefined ? real : sabotageRelay(config.sabotage, { ...real, config })
  const { app, leaseTtlMs, maxPage } = config
  const listenTo = config.databaseUrl
  const given = { app, leaseTtlMs, maxPage, lostTailMs: 500, listenTo }
  await runRelay({ ...given, sql, broker, schema: 'commitcast', signal, logger }).done
  await real.close()
})
