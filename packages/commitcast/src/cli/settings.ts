import { readNatsAddress } from '@commitcast/broker'
import { checkPostgresAddress } from '@commitcast/broker/postgres'
import { checkSchemaName, defaultSchema } from '@commitcast/outbox'
import { type Command, Option } from 'commander'
import { checkAppName } from '../check-app-name.ts'
import { InvalidConfig } from '../process/invalid-config.ts'

interface Setting {
  readonly flags: string
  readonly variable: string
  readonly about: string
  /** Throws where the value can't be used, and says what can. */
  check(value: string): unknown
}

/** What several commands have to know, each an option and a variable. */
const settings = {
  database: {
    flags: '--database <url>',
    variable: 'DATABASE_URL',
    about: 'Postgres: postgres://user:password@host:5432/name',
    check: checkPostgresAddress,
  },
  nats: {
    flags: '--nats <url>',
    variable: 'NATS_URL',
    about: 'NATS JetStream: nats://host:4222, several with commas; else Postgres is the broker',
    check: readNatsAddress,
  },
  app: {
    flags: '--app <name>',
    variable: 'COMMITCAST_APP',
    about: "the app's name; its topic is <name>-events",
    check: checkAppName,
  },
  schema: {
    flags: '--schema <name>',
    variable: 'COMMITCAST_SCHEMA',
    about: `where Commitcast's tables are (default: "${defaultSchema}")`,
    check: checkSchemaName,
  },
} satisfies Record<string, Setting>

export type SettingName = keyof typeof settings

/** Gives a command the options of these settings. */
export function addSettings(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const { flags, about, variable } = settings[name]
    command.addOption(new Option(flags, about).env(variable))
  }
  return command
}

/**
 * Reads a command's settings; an option beats its variable, an empty value counts as none. Throws `InvalidConfig` that
 * names option and variable of each that is missing or wrong, and shows no password.
 */
export function readSettings<TNeeded extends SettingName, TOptional extends SettingName = never>(
  command: Command,
  { needed, optional = [] }: { needed: readonly TNeeded[]; optional?: readonly TOptional[] },
): { readonly [K in TNeeded]: string } & { readonly [K in TOptional]?: string } {
  const read: Partial<Record<SettingName, string>> = {}
  const troubles: string[] = []
  for (const name of [...needed, ...optional]) {
    const value = command.getOptionValue(name) || undefined
    const trouble =
      value === undefined
        ? (needed as readonly SettingName[]).includes(name) && missing(name)
        : troubleWith(command, name, value)
    if (trouble) troubles.push(trouble)
    else if (value !== undefined) read[name] = value
  }
  if (troubles.length > 0) throw new InvalidConfig(troubles.join('\n'))
  return read as { readonly [K in TNeeded]: string } & { readonly [K in TOptional]?: string }
}

/** `DATABASE_URL`, as `--database` or the variable, whichever a setting's value came from. */
function missing(name: SettingName): string {
  const { variable, flags, about } = settings[name]
  return `${variable} is not set: set it, or give ${flags}. It is ${about}.`
}

function troubleWith(command: Command, name: SettingName, value: string): string | undefined {
  const { flags, variable, check } = settings[name]
  const source = command.getOptionValueSource(name) === 'env' ? variable : flags.split(' ')[0]
  try {
    check(value)
    return undefined
  } catch (error) {
    return `${source}: ${(error as Error).message}`
  }
}
