import type { CommittedEvent } from '@commitcast/events'
import { createHandler, createProjection, type Try } from '@commitcast/stream'
import { runProcess } from 'commitcast/process'
import { connectWorker, type WorkerConfig } from './connect-worker.ts'
import { openEffects } from './read-side/effects.ts'
import { keepChains } from './read-side/keep-chains.ts'
import { createTransaction } from './read-side/transaction.ts'
import { forgetProgress } from './sabotage/forget-progress.ts'
import { offsetOutsideTransaction } from './sabotage/offset-outside-transaction.ts'

/** What a process with projection and handler is given. */
export interface ProjectConfig extends WorkerConfig {
  /** The file that the handler's effects go to. */
  readonly effectsPath: string
  /** What the other handler calls, with an event's id as the path. */
  readonly webhookUrl: string
}

await runProcess('project', async ({ signal, logger }) => {
  const config = JSON.parse(process.argv[2] ?? '{}') as ProjectConfig
  const { app, leaseTtlMs, effectsPath, webhookUrl, sabotage } = config
  const { db, sql, broker, close } = connectWorker('project', config)
  const effects = await openEffects(effectsPath)
  const transaction = createTransaction(db)
  const projection = createProjection({
    name: 'chains',
    project: keepChains,
    transaction: sabotage === 'offset-outside-transaction' ? offsetOutsideTransaction(transaction, sql) : transaction,
  })
  const handler = createHandler({
    name: 'effects',
    handles: { 'thing.happened': effects.note, 'thing.derived': effects.note },
    transaction: (act) => transaction((sql) => act(sql)),
  })
  const webhook = createHandler({
    name: 'webhook',
    handles: { 'thing.derived': (event: CommittedEvent, { signal }: Try) => callWebhook(webhookUrl, event, signal) },
    options: { timeoutMs: 4_000 },
    transaction: (act) => transaction((sql) => act(sql)),
  })
  const place = {
    sql: sabotage === 'offset-not-compared' ? forgetProgress(sql) : sql,
    broker,
    app,
    schema: 'commitcast',
    leaseTtlMs,
    signal,
    logger,
  }
  const understand = (event: CommittedEvent) => event
  await Promise.all([projection, handler, webhook].map((group) => group.run({ ...place, understand }).done))
  await effects.close()
  await close()
})

async function callWebhook(url: string, { id }: CommittedEvent, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${url}/${id}`, { method: 'POST', signal })
  if (!response.ok) throw new Error(`The webhook answered ${response.status}.`)
}
