import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addGroupCommand } from './commands/group-command.ts'
import { addMigrateCommand } from './commands/migrate-command.ts'
import { addParkedCommand } from './commands/parked-command.ts'
import { addProcessCommand } from './commands/process-command.ts'
import { addRelayCommand } from './commands/relay-command.ts'
import { addScheduleCommand } from './commands/schedule-command.ts'
import { addStatusCommand } from './commands/status-command.ts'
import { addTopicCommand } from './commands/topic-command.ts'

/** The command line: a file per command in `commands/`. Parsing throws what `explainFailure` explains. */
export function createProgram(): Command {
  const program = new Command('commitcast')
    .usage('<command> [options]')
    .description('Carries every event committed to Postgres to subscriptions, through a broker.')
    .version(ownVersion(), '-v, --version', 'say which version this is')
    .helpOption('-h, --help', 'say what there is; after a command: its options')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('Run "commitcast --help", or "commitcast <command> --help", to see what there is.')
    .addHelpText('after', surroundings)
  for (const addCommand of commands) addCommand(program)
  return program
}

const commands = [
  addMigrateCommand,
  addRelayCommand,
  addStatusCommand,
  addGroupCommand,
  addParkedCommand,
  addProcessCommand,
  addScheduleCommand,
  addTopicCommand,
]

const surroundings = `
Environment (an option beats its variable; an empty one counts as not set):
  DATABASE_URL       --database  Postgres
  NATS_URL           --nats      NATS; without it Postgres is the broker
  COMMITCAST_APP     --app       the app's name, as in createCommitcast
  COMMITCAST_SCHEMA  --schema    where the tables are; default "commitcast"
Exit codes: 0 done, 1 a server failed or refused, 2 called in a wrong way.`

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(version)
}
