import type { Command } from 'commander'
import { CommandFailed } from '../explain-failure.ts'
import { printResult } from '../print-result.ts'
import { requireTopic } from '../require-topic.ts'
import { addSettings, readSettings } from '../settings.ts'
import { lookAtBroker } from '../status/look-at-broker.ts'
import { readPipeline } from '../status/read-pipeline.ts'
import { type Status, statusText } from '../status/status-text.ts'
import { withDatabase } from '../with-database.ts'

/** `commitcast status`: what the pipeline has done, what waits, and who works. Changes nothing, anywhere. */
export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .description('show how far each partition is, what waits, and who works')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'nats', 'app', 'schema']).action((flags: { json?: boolean }) => run(command, flags))
}

async function run(command: Command, flags: { json?: boolean }): Promise<void> {
  const settings = readSettings(command, { needed: ['database', 'app'], optional: ['nats', 'schema'] })
  const status = await readStatus(settings)
  printResult(flags, status, () => statusText(status))
  if (status.broker.trouble !== undefined) throw new CommandFailed(status.broker.trouble)
}

/** The broker is asked first: what it has was given, so it can only be ahead where something is wrong. */
async function readStatus(options: { database: string; app: string; nats?: string; schema?: string }): Promise<Status> {
  const { database, app, nats } = options
  return withDatabase(options, async ({ db, sql, schema }) => {
    const topic = { name: `${app}-events`, ...(await requireTopic(sql, schema)) }
    const { ends, ...broker } = await lookAtBroker(topic, { database, nats })
    const { partitions, ...pipeline } = await readPipeline(db, schema)
    return {
      topic,
      broker,
      partitions: partitions.map(({ partition, given, ...row }) => ({
        partition,
        given,
        stored: ends[partition] ?? null,
        ...row,
      })),
      ...pipeline,
    }
  })
}
