import type { Command } from 'commander'
import { CommandFailed } from './explain-failure.ts'
import { readSettings } from './settings.ts'
import { type CommandDatabase, withDatabase } from './with-database.ts'

/**
 * What a command does on its database, where that has a table that came with a later version than the topic's. Throws
 * `CommandFailed` where it has not been made.
 */
export function withTable<T>(
  command: Command,
  table: string,
  act: (opened: CommandDatabase) => Promise<T>,
): Promise<T> {
  const settings = readSettings(command, { needed: ['database'], optional: ['schema'] })
  return withDatabase(settings, async (opened) => {
    const name = `${opened.schema}.${table}`
    const [row] = await opened.sql.query<{ made: boolean }>('select to_regclass($1) is not null as made', [name])
    if (row?.made) return act(opened)
    throw new CommandFailed(
      `There is no table "${table}" in schema "${opened.schema}" of this database: run "commitcast migrate", or name another schema with --schema.`,
    )
  })
}
