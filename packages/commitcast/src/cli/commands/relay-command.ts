import { defineEvents } from '@commitcast/events'
import { defaultSchema, sqlOf } from '@commitcast/outbox'
import { InvalidConfig, type Logger, runProcess, type Sql, sleep, untilItWorks } from '@commitcast/worker'
import type { Command } from 'commander'
import { createCommitcast } from '../../create-commitcast.ts'
import { isWrongAddress, messageOf, wrongAddress } from '../explain-failure.ts'
import { findTopic } from '../find-topic.ts'
import { openBroker } from '../open-broker.ts'
import { openDatabase } from '../open-database.ts'
import { addSettings, readSettings } from '../settings.ts'

/** `commitcast relay`: a relay worker as a process, until SIGTERM or Ctrl-C. Waits for servers and for the tables. */
export function addRelayCommand(program: Command): void {
  const command = program
    .command('relay')
    .description('carry events from the outbox to the broker until stopped; several may run')
  addSettings(command, ['database', 'nats', 'app', 'schema']).action(() => run(command))
}

async function run(command: Command): Promise<void> {
  const settings = readSettings(command, { needed: ['database', 'app'], optional: ['nats', 'schema'] })
  const { database, nats, app, schema = defaultSchema } = settings
  const broker = await openBroker({ database, nats })
  await runProcess('relay', async ({ signal, logger }) => {
    const db = openDatabase(database)
    const cast = createCommitcast({ app, events: defineEvents({}), db, broker, schema, listenTo: database, logger })
    logger.info({ app, schema, broker: broker.name }, 'started')
    await waitForTables(sqlOf(db), { schema, signal, logger })
    await cast.run({ roles: ['relay'], signal })
    await cast.close()
    await db.destroy()
  })
}

/** An address that Postgres itself calls wrong is not waited out. */
async function waitForTables(sql: Sql, options: { schema: string; signal: AbortSignal; logger: Logger }) {
  const { schema, signal, logger } = options
  let told: string | undefined
  const tell = (trouble: string) => {
    if (trouble !== told) logger.warn({ trouble }, 'waiting')
    told = trouble
  }
  while (!signal.aborted) {
    const topic = await untilItWorks(() => findTopic(sql, schema), {
      signal,
      onError(error) {
        if (isWrongAddress(error)) throw new InvalidConfig(wrongAddress(error))
        tell(messageOf(error))
      },
    })
    if (topic) return
    tell(`There are no tables in schema "${schema}" yet: run "commitcast migrate".`)
    await sleep(500, signal)
  }
}
