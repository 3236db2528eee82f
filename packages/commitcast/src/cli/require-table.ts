import type { Sql } from '@commitcast/worker'
import { CommandFailed } from './explain-failure.ts'

/**
 * For a command whose table came with a later version than the topic's: throws `CommandFailed` where it has not been made.
 */
export async function requireTable(sql: Sql, schema: string, table: string): Promise<void> {
  const [row] = await sql.query<{ made: boolean }>('select to_regclass($1) is not null as made', [`${schema}.${table}`])
  if (row?.made) return
  throw new CommandFailed(
    `There is no table "${table}" in schema "${schema}" of this database: run "commitcast migrate", or name another schema with --schema.`,
  )
}
