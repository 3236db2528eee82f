import { defaultSchema, MigrateRefused, migrate, migrationSql } from '@commitcast/outbox'
import { type Command, InvalidArgumentError } from 'commander'
import { InvalidConfig } from '../../process/invalid-config.ts'
import { findTopic } from '../find-topic.ts'
import { addSettings, readSettings } from '../settings.ts'
import { withDatabase } from '../with-database.ts'

interface MigrateFlags {
  readonly print?: boolean
  readonly partitions?: number
}

/** `commitcast migrate`: makes the tables or brings them up to date, any number of times; or prints the SQL of that. */
export function addMigrateCommand(program: Command): void {
  const command = program
    .command('migrate')
    .description("make Commitcast's tables, or bring them up to date")
    .option('--print', 'print the SQL and connect to nothing; run it as one text, without parameters')
    .option('--partitions <n>', 'how many partitions, fixed when the tables are made (default: 8)', wholeNumber)
  addSettings(command, ['database', 'schema']).action((flags: MigrateFlags) => run(command, flags))
}

async function run(command: Command, { print = false, partitions }: MigrateFlags): Promise<void> {
  const { schema = defaultSchema } = readSettings(command, { needed: [], optional: ['schema'] })
  const options = { schema, ...(partitions !== undefined && { partitions }) }
  if (print) {
    process.stdout.write(migrationSql(options))
    return
  }
  const { database } = readSettings(command, { needed: ['database'] })
  await withDatabase({ database, schema }, async ({ sql }) => {
    const { isNewer, release } = await migrate(sql, options).catch((error) => {
      throw error instanceof MigrateRefused
        ? new InvalidConfig(`--partitions ${partitions} came too late: ${error.message}`)
        : error
    })
    if (isNewer) {
      process.stdout.write(
        `The tables in schema "${schema}" are of release ${release}, a newer one: nothing was changed.\n`,
      )
      return
    }
    const topic = await findTopic(sql, schema)
    const [newest] = await sql.query<{ version: number }>(`select max(version) as version from ${schema}.migration`)
    process.stdout.write(
      `The tables in schema "${schema}" are up to date: version ${newest?.version}, ${topic?.partitions} partitions.\n`,
    )
  })
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 1024) return value
  throw new InvalidArgumentError('It has to be a whole number from 1 to 1024.')
}
