import { defineEvents } from '@commitcast/events'
import { defaultSchema, sqlOf } from '@commitcast/outbox'
import { type Logger, type Sql, sleep, untilItWorks } from '@commitcast/worker'
import { type Command, InvalidArgumentError } from 'commander'
import { createCommitcast } from '../../create-commitcast.ts'
import { startHealthServer } from '../../process/health-server.ts'
import { InvalidConfig } from '../../process/invalid-config.ts'
import { runUntilStopped } from '../../process/run-until-stopped.ts'
import { commandLogger } from '../command-logger.ts'
import { isWrongAddress, messageOf, wrongAddress } from '../explain-failure.ts'
import { findTopic } from '../find-topic.ts'
import { openBroker } from '../open-broker.ts'
import { openDatabase } from '../open-database.ts'
import { addSettings, readSettings } from '../settings.ts'

interface RelayFlags {
  readonly retentionDays?: number
  readonly healthPort?: number
}

const dayMs = 86_400_000

/** `commitcast relay`: a relay worker as a process, until SIGTERM or Ctrl-C. Waits for servers and for the tables. */
export function addRelayCommand(program: Command): void {
  const command = program
    .command('relay')
    .description('carry events to the broker until stopped; several may run')
    .option('--retention-days <n>', 'how long events stay after their day; "forever" keeps them (default: 7)', days)
    .option('--health-port <port>', 'answer GET /health there: 200 while it does its work, else 503', port)
  addSettings(command, ['database', 'nats', 'app', 'schema']).action((flags: RelayFlags) => run(command, flags))
}

async function run(command: Command, { retentionDays, healthPort }: RelayFlags): Promise<void> {
  const settings = readSettings(command, { needed: ['database', 'app'], optional: ['nats', 'schema'] })
  const { database, nats, app, schema = defaultSchema } = settings
  const broker = await openBroker({ database, nats })
  await runUntilStopped(
    () => commandLogger('relay'),
    async ({ signal, logger }) => {
      const db = openDatabase(database)
      const cast = createCommitcast({
        ...{ app, events: defineEvents({}), db, broker, schema, listenTo: database, logger },
        ...(retentionDays !== undefined && { retentionMs: retentionDays * dayMs }),
      })
      const report = () => ({ relay: { ready: false, trouble: 'starting' }, ...cast.health() })
      const server =
        healthPort === undefined ? undefined : await startHealthServer(report, { port: healthPort, host: '0.0.0.0' })
      logger.info({ app, schema, broker: broker.name }, 'started')
      await waitForTables(sqlOf(db), { schema, signal, logger })
      await cast.run({ roles: ['relay'], signal })
      await server?.close()
      await cast.close()
      await db.destroy()
    },
  )
}

function days(text: string): number {
  if (text === 'forever') return Number.POSITIVE_INFINITY
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1) return Number(text)
  throw new InvalidArgumentError('It has to be a whole number of days from 1 on, or "forever".')
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('It has to be a port number from 0 to 65535.')
}

/** An address that Postgres itself calls wrong is not waited out. */
async function waitForTables(sql: Sql, options: { schema: string; signal: AbortSignal; logger: Logger }) {
  const { schema, signal, logger } = options
  let logged: string | undefined
  const log = (trouble: string) => {
    if (trouble !== logged) logger.warn({ code: 'WAITS_FOR_DATABASE', trouble }, 'waiting for the database')
    logged = trouble
  }
  while (!signal.aborted) {
    const topic = await untilItWorks(() => findTopic(sql, schema), {
      signal,
      onError(error) {
        if (isWrongAddress(error)) throw new InvalidConfig(wrongAddress(error))
        log(messageOf(error))
      },
    })
    if (topic) return
    log(`There are no tables in schema "${schema}" yet: run "commitcast migrate".`)
    await sleep(500, signal)
  }
}
