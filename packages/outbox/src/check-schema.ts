import { CommitcastError } from '@commitcast/events'
import type { Sql } from '@commitcast/worker'
import { isOlder } from './migrations/stored-release.ts'
import { release } from './release.ts'

/** The tables lack what this release needs: a worker waits until they have been migrated. */
export class SchemaOutdated extends CommitcastError {
  override readonly name = 'SchemaOutdated'
  readonly code = 'SCHEMA_OUTDATED'
}

/** Throws `SchemaOutdated` where `migrate` of this release has yet to be called. Newer tables are fine. */
export async function checkSchema(sql: Sql, schema: string): Promise<void> {
  const [found] = await sql.query<{ notesRelease: boolean }>(`select to_regclass($1) is not null as "notesRelease"`, [
    `${schema}.schema_release`,
  ])
  if (found?.notesRelease) {
    const [row] = await sql.query<{ older: boolean }>(`select ${isOlder(schema)} as older`)
    if (!row?.older) return
  }
  throw new SchemaOutdated(
    `The tables in schema "${schema}" are missing or older than release ${release}: run "commitcast migrate".`,
  )
}
