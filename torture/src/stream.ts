import { runEnrichment } from '@commitcast/stream'
import { runProcess } from 'commitcast/process'
import { connectWorker, type WorkerConfig } from './connect-worker.ts'
import { createEnrichment } from './read-side/enrichment.ts'

await runProcess('stream', async ({ signal, logger }) => {
  const config = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig
  const { app, leaseTtlMs } = config
  const { sql, broker, close } = connectWorker('stream', config)
  const given = { app, leaseTtlMs, tailCheckMs: 1_000, enrichment: createEnrichment(sql) }
  await runEnrichment({ ...given, sql, broker, schema: 'commitcast', signal, logger }).done
  await close()
})
