import type { CommittedEvent } from '@commitcast/events'
import { createProjection } from '@commitcast/stream'
import { runProcess } from 'commitcast/process'
import { connectWorker, type WorkerConfig } from './connect-worker.ts'
import { keepAccounts } from './purchases/keep-accounts.ts'
import { createPurchases } from './purchases/purchase-process.ts'
import { type ProcessName, processes, services } from './purchases/purchase-story.ts'
import { createTransaction } from './read-side/transaction.ts'
import { cancelAfterCommit } from './sabotage/cancel-after-commit.ts'

await runProcess('purchase', async ({ signal, logger }) => {
  const config = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig
  const { app, leaseTtlMs, sabotage } = config
  const { db, sql, broker, close } = connectWorker('purchase', config)
  const transaction = createTransaction(db)
  const ofProcess = sabotage === 'cancel-after-commit' ? cancelAfterCommit(transaction, sql) : transaction
  const groups = [
    ...(Object.keys(processes) as ProcessName[]).map((name) => createPurchases(name, ofProcess)),
    ...services.map((name) => createProjection({ name, project: keepAccounts(name), transaction })),
  ]
  const place = { sql, broker, app, schema: 'commitcast', leaseTtlMs, signal, logger }
  const understand = (event: CommittedEvent) => event
  await Promise.all(groups.map((group) => group.run({ ...place, understand }).done))
  await close()
})
